"""What a user calls that holds a body: control flow, checkpoints, custom derivatives."""

"""What a call writes outside of the function, carried out after it ran."""

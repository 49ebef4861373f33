"""The head of every random program: globals that it may read, and functions that it may call.

A text, as the programs are: each is a module of its own.
"""

PREAMBLE = """\
import functools
import itertools
import math
import operator
from dataclasses import dataclass

import numpy as np

from tests.fuzz.records import Record

W = np.array([0.5, -1.5, 2.0])
K = 1.25
TABLE = {"scale": 0.75, "weights": np.array([1.0, 2.0, 3.0])}


LAYERS = [np.array([0.25, 1.0, -0.5]), np.array([2.0, -1.0, 0.75])]


class Settings:
    def __init__(self, rate):
        self.rate = rate

    def apply(self, u):
        return u * self.rate if self.rate < 0.5 else u - self.rate


SETTINGS = Settings(0.1)


@dataclass
class Pair:
    one: object
    two: object


class Layer:
    def __init__(self, k):
        self.k = k
        self.calls = 0

    def __call__(self, u):
        self.calls += 1
        u[0] = np.sum(self.k)
        return u * self.k + self.calls

    def scaled(self, u, by=2):
        return u * self.k / by


def bump(u):
    u += 1
    return u


def helper(u, k):
    made = u * 2
    made = made - np.sum(k)
    return made


def shifted(u, by=0.5):
    return u - by if np.sum(u) > 0 else u + by


def scaled(u):
    return u * K


def make_adder(k):
    def add(u):
        return u + k

    return add


adder = make_adder(0.5)


def scale_by(u, k=np.array([1.0, 0.5, 0.25])):
    return u * k


def compose(*functions):
    def run(u):
        for function in functions:
            u = function(u)
        return u

    return run


def rootish(u, steps=4):
    guess = np.ones_like(u)
    for _ in range(steps):
        guess = 0.5 * (guess + (np.abs(u) + 1) / guess)
        if np.max(np.abs(guess * guess - np.abs(u) - 1)) < 0.01:
            return guess
    return guess + 1


def first_large(u, k):
    for j, item in enumerate(u.ravel()):
        if item > k:
            return u * j
    return -u


def recursive(u, depth):
    return u if depth == 0 else recursive(u * 0.5 + 1, depth - 1)


def counted(s):
    count = 0
    while s > 0.5 and count < 6:
        s = s * 0.5
        count += 1
    return s + count


def collatz(n):
    steps = 0
    while n > 1:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        steps += 1
    return steps


"""

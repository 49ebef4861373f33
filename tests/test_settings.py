"""Settings come from the environment, change in a block, and refuse what they don't know."""

import threading

import pytest

from tracer import settings


def test_defaults_and_their_number():
    assert settings.Settings().numerics == "fast"
    assert len(settings.fields(settings.Settings)) <= 8


def test_environment_variables():
    read = settings.from_environment(
        {"TRACER_NUMERICS": "exact", "TRACER_CHECK": "1", "TRACER_CACHE_SIZE": "7", "OTHER": "x"}
    )
    assert (read.numerics, read.check, read.cache_size) == ("exact", True, 7)
    assert settings.from_environment({"TRACER_CHECK": "off"}).check is False


@pytest.mark.parametrize(
    "variables, words",
    [
        ({"TRACER_CHECK": "maybe"}, "TRACER_CHECK is 1 or 0"),
        ({"TRACER_CACHE_SIZE": "many"}, "TRACER_CACHE_SIZE is a whole number"),
        ({"TRACER_CACHE_SIZE": "0"}, "cache_size is at least 1"),
        ({"TRACER_NUMERICS": "loose"}, "numerics is 'fast' or 'exact'"),
    ],
)
def test_a_bad_variable_is_named(variables, words):
    with pytest.raises(ValueError, match=words):
        settings.from_environment(variables)


def test_using_changes_this_thread_only_and_ends():
    before = settings.current()
    seen = []
    with settings.using(check=not before.check) as inside:
        assert settings.current() is inside and inside.check is not before.check
        with settings.using(max_branches=3):
            assert settings.current().max_branches == 3
            assert settings.current().check is inside.check
        other = threading.Thread(target=lambda: seen.append(settings.current()))
        other.start()
        other.join()
    assert settings.current() == before and seen == [before]
    with pytest.raises(TypeError), settings.using(speed=9):
        pass


def test_an_exception_restores_the_settings():
    before = settings.current()
    with pytest.raises(KeyError), settings.using(check=True):
        raise KeyError
    assert settings.current() == before


def test_configure_changes_the_process(monkeypatch):
    monkeypatch.setattr(settings, "_default", None)
    assert settings.configure(cache_size=9).cache_size == 9
    assert settings.current().cache_size == 9

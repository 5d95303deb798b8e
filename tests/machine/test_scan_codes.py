"""A text becomes what a US keyboard sends for it, as QEMU's keyboard does."""

import string

import pytest

from keelback.machine.scan_codes import NoKey, scan_codes

PRINTABLE = string.digits + string.ascii_letters + string.punctuation + " "


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("a", "1e 9e"),
        ("A", "2a 1e 9e aa"),
        ("ls\n", "26 a6 1f 9f 1c 9c"),
        ("\x03", "1d 2e ae 9d"),
        ("\x1b[A\x1b[D", "e0 48 e0 c8 e0 4b e0 cb"),
        ("\x1b[3~", "e0 53 e0 d3"),
        ("\x1b", "01 81"),
        ("\x1b[X", "01 81 1a 9a 2a 2d ad aa"),
        ("\t\b\x7f\r", "0f 8f 0e 8e 0e 8e 1c 9c"),
        ("", ""),
    ],
)
def test_keys_go_down_and_up(text, codes):
    assert scan_codes(text) == bytes.fromhex(codes)


@pytest.mark.parametrize("character", [*PRINTABLE, *(chr(code) for code in range(1, 30))])
def test_every_key_that_goes_down_goes_up_and_none_stays_held(character):
    held = set()
    for code in scan_codes(character):
        if code & 0x80:
            held.remove(code & 0x7F)
        else:
            assert code not in held
            held.add(code)
    assert not held


def test_no_two_characters_are_the_same_keys_but_those_for_one_key():
    sent = {}
    for character in PRINTABLE:
        sent.setdefault(scan_codes(character), []).append(character)
    assert all(len(each) == 1 for each in sent.values()) and len(sent) == 95


@pytest.mark.parametrize("character", ["é", "€", "\0", "\x9b"])
def test_a_character_on_no_key_is_told_with_its_place(character):
    with pytest.raises(NoKey, match="is on no key of a US keyboard$") as told:
        scan_codes(f"ab{character}")
    assert (told.value.character, told.value.at) == (character, 2)

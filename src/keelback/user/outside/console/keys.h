/*
 * Keys: what was typed, whichever device it came by. One that stands for a character is that byte, control and a
 * letter is 1 to 26; the others have numbers behind all bytes.
 */
#pragma once

enum key {
    NO_KEY = -1, /* so far */
    KEY_BACKSPACE = 127,
    KEY_UP = 256,
    KEY_DOWN,
    KEY_RIGHT,
    KEY_LEFT,
    KEY_HOME,
    KEY_END,
    KEY_DELETE,
    KEY_OTHER, /* one that nobody here has a use for */
};

#define CONTROL(letter) ((letter) & 0x1F)

/* How far an escape sequence of a terminal has come; all zero is none. */
struct terminal {
    enum { PLAIN, ESCAPED, IN_SEQUENCE } stage;
    unsigned number; /* the sequence's parameter */
};

/* Return the key that a byte of a terminal ends, or NO_KEY. */
int terminal_key(struct terminal *terminal, unsigned char byte);

/* Which keys of a keyboard are down, and how far a code has come; all zero is none. */
struct keyboard {
    unsigned char shifts; /* a bit each */
    unsigned char controls;
    char has_capitals;
    char is_extended;
    unsigned char skipped; /* bytes that are still to be passed over */
};

/* Return the key that a byte of a scan code of set 1 ends, as on a US keyboard, or NO_KEY. */
int keyboard_key(struct keyboard *keyboard, unsigned char code);

/* The program's name: what stands here is replaced when a program is linked (`image/runtime.py`). */
#include "keelback.h"

const char program_name[32] = "\1the name of the program\1";

/* setjmp and longjmp: musl's files, which themselves pass no preprocessor. */
#include "setjmp/i386/setjmp.s"
#include "setjmp/i386/longjmp.s"

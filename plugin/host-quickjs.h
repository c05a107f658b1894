/* What host-quickjs.c offers to the program that runs the script. */
#include "quickjs.h"

/* Puts the object `native` with the system calls into the global object; -1 when memory is lacking. */
int add_host(JSContext *ctx);
/* The function `native.serve` that the script left there to serve a call. */
JSValue served_by_script(JSContext *ctx);

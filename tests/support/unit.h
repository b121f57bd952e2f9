/* cmocka with the headers that it wants before it. Why here: its order is not the alphabet's.
 * Never holds a test. */
#ifndef LS_TESTS_SUPPORT_UNIT_H
#define LS_TESTS_SUPPORT_UNIT_H

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#endif

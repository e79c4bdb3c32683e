/* cmocka wants these four in front of it: tests include this one. */
#ifndef WEIR_TEST_SUPPORT_CMOCKA_ALL_H
#define WEIR_TEST_SUPPORT_CMOCKA_ALL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif

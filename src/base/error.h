/*
 * struct weir_error: what went wrong, where, and what was expected. One type for the whole house; codes live
 * in error_codes.def. A function that can fail returns enum weir_error_code (0 = ok) and takes a struct
 * weir_error *reterr as its last parameter (may be NULL where nobody will read the text). reterr is written
 * only on failure.
 */
#ifndef WEIR_BASE_ERROR_H
#define WEIR_BASE_ERROR_H

#include "base/macros.h"
#include <stdarg.h>

enum weir_error_code {
#define X(code, text, reaction) WEIR_E_##code,
#include "base/error_codes.def"
#undef X
};
#define WEIR_OK WEIR_E_OK

enum weir_error_reaction {
    WEIR_REACTION_NONE,
    WEIR_REACTION_FAIL,
    WEIR_REACTION_FAIL_JOB,
    WEIR_REACTION_BACK_PRESSURE
};

enum { WEIR_ERROR_MESSAGE_BYTES_MAX = 4096, WEIR_ERROR_CAUSES_MAX = 4, WEIR_ERROR_CAUSE_BYTES_MAX = 512 };

struct weir_error {
    enum weir_error_code code;
    uint32_t line, column; /* 1-based position in the text that is at fault; 0 = none */
    uint32_t cause_count;
    char message[WEIR_ERROR_MESSAGE_BYTES_MAX];
    char causes[WEIR_ERROR_CAUSES_MAX][WEIR_ERROR_CAUSE_BYTES_MAX]; /* nearest first */
};

const char *weir_error_code_text(enum weir_error_code code);
enum weir_error_reaction weir_error_code_reaction(enum weir_error_code code);

/* Sets all; returns code, so that "return weir_error_set(reterr, ...)" reads well. */
enum weir_error_code weir_error_set(
    struct weir_error *reterr, enum weir_error_code code, const char *format, ...) WEIR_PRINTF(3, 4);
enum weir_error_code weir_error_set_at(struct weir_error *reterr, enum weir_error_code code, uint32_t line,
    uint32_t column, const char *format, ...) WEIR_PRINTF(5, 6);
enum weir_error_code weir_error_vset(
    struct weir_error *reterr, enum weir_error_code code, const char *format, va_list arguments);
/* Makes the present message the first cause and puts a new message (what the caller was doing) on top. Keeps
 * code and position. */
enum weir_error_code weir_error_wrap(struct weir_error *reterr, const char *format, ...) WEIR_PRINTF(2, 3);

#endif

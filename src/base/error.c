#include "base/error.h"
#include <stdio.h>
#include <string.h>

const char *weir_error_code_text(enum weir_error_code code)
{
    switch (code) {
#define X(code, text, reaction) \
    case WEIR_E_##code:         \
        return text;
#include "base/error_codes.def"
#undef X
    }
    return "unknown error";
}

enum weir_error_reaction weir_error_code_reaction(enum weir_error_code code)
{
    switch (code) {
#define X(code, text, reaction) \
    case WEIR_E_##code:         \
        return WEIR_REACTION_##reaction;
#include "base/error_codes.def"
#undef X
    }
    return WEIR_REACTION_FAIL_JOB;
}

enum weir_error_code weir_error_vset(
    struct weir_error *reterr, enum weir_error_code code, const char *format, va_list arguments)
{
    if (!reterr) return code;
    /* The message is written aside first: an argument may point into the old one. */
    char message[WEIR_ERROR_MESSAGE_BYTES_MAX];
    vsnprintf(message, sizeof message, format, arguments);
    reterr->code = code;
    reterr->line = reterr->column = reterr->cause_count = 0;
    memcpy(reterr->message, message, strlen(message) + 1);
    return code;
}

enum weir_error_code weir_error_set(
    struct weir_error *reterr, enum weir_error_code code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    weir_error_vset(reterr, code, format, arguments);
    va_end(arguments);
    return code;
}

enum weir_error_code weir_error_set_at(struct weir_error *reterr, enum weir_error_code code, uint32_t line,
    uint32_t column, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    weir_error_vset(reterr, code, format, arguments);
    va_end(arguments);
    if (reterr) {
        reterr->line = line;
        reterr->column = column;
    }
    return code;
}

enum weir_error_code weir_error_wrap(struct weir_error *reterr, const char *format, ...)
{
    if (!reterr) return WEIR_E_INTERNAL;
    char message[WEIR_ERROR_MESSAGE_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    uint32_t kept = WEIR_MIN(reterr->cause_count, (uint32_t)WEIR_ERROR_CAUSES_MAX - 1);
    memmove(reterr->causes[1], reterr->causes[0], kept * sizeof reterr->causes[0]);
    snprintf(
        reterr->causes[0], sizeof reterr->causes[0], "%.*s", WEIR_ERROR_CAUSE_BYTES_MAX - 1, reterr->message);
    reterr->cause_count = kept + 1;
    memcpy(reterr->message, message, strlen(message) + 1);
    return reterr->code;
}

/* From Java's regular expressions to PCRE2's; between regexp.c and regexp_translate.c. */
#ifndef WEIR_EXPR_REGEXP_TRANSLATE_H
#define WEIR_EXPR_REGEXP_TRANSLATE_H

#include "expr/text.h"

/* NULL: fine; else what is wrong with the pattern (a constant text). */
const char *weir_regexp_translate(struct weir_slice java, struct weir_text_builder *to);

#endif

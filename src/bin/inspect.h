/* weir checkpoint inspect, weir ha: looking at what a cluster keeps, without asking it. */
#ifndef WEIR_BIN_INSPECT_H
#define WEIR_BIN_INSPECT_H

#include "base/arena.h"
#include "proto/codec.h"
#include <jansson.h>

/* Behind "weir checkpoint inspect"; the exit code. */
int checkpoint_inspect(int argument_count, char **arguments);

/* "2026-11-21 20:30:00.123" (UTC) in arena; "-": 0. */
const char *inspect_time(struct weir_arena *arena, int64_t ms);
/* "1,234,567" in arena. */
const char *inspect_count(struct weir_arena *arena, uint64_t number);
/* 32 hexadecimal digits in arena. */
const char *inspect_hex(struct weir_arena *arena, const uint8_t *bytes, size_t length);
/* The name without its prefix: "JOB_RUNNING" is RUNNING. */
const char *inspect_word(const ProtobufCEnumDescriptor *descriptor, int value, const char *prefix);
/* Prints it, and gives it back. Returns exit code 0, or 1. */
int inspect_print_json(json_t *json);

#endif

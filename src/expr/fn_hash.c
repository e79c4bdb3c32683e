/* MD5, SHA1, SHA2 ...: the digest of a string's bytes (or of bytes) in lower-case hexadecimal digits. */
#define OPENSSL_SUPPRESS_DEPRECATED  /* the one-shot interface allocates per call, the block functions do not \
                                      */
#include "expr/text.h"
#include <openssl/md5.h>
#include <openssl/sha.h>

enum hash_kind { HASH_MD5, HASH_SHA1, HASH_SHA224, HASH_SHA256, HASH_SHA384, HASH_SHA512, HASH_NONE };

static const struct {
    const char *name;
    uint32_t bytes;
} hashes[] = { { "MD5", 16 }, { "SHA1", 20 }, { "SHA224", 28 }, { "SHA256", 32 }, { "SHA384", 48 },
    { "SHA512", 64 } };

static void digest(enum hash_kind kind, struct weir_slice s, uint8_t to[64])
{
    MD5_CTX md5;
    SHA_CTX sha1;
    SHA256_CTX sha256;
    SHA512_CTX sha512;
    switch (kind) {
    case HASH_MD5: MD5_Init(&md5), MD5_Update(&md5, s.data, s.length), MD5_Final(to, &md5); break;
    case HASH_SHA1: SHA1_Init(&sha1), SHA1_Update(&sha1, s.data, s.length), SHA1_Final(to, &sha1); break;
    case HASH_SHA224:
        SHA224_Init(&sha256), SHA224_Update(&sha256, s.data, s.length), SHA224_Final(to, &sha256);
        break;
    case HASH_SHA256:
        SHA256_Init(&sha256), SHA256_Update(&sha256, s.data, s.length), SHA256_Final(to, &sha256);
        break;
    case HASH_SHA384:
        SHA384_Init(&sha512), SHA384_Update(&sha512, s.data, s.length), SHA384_Final(to, &sha512);
        break;
    case HASH_SHA512:
        SHA512_Init(&sha512), SHA512_Update(&sha512, s.data, s.length), SHA512_Final(to, &sha512);
        break;
    case HASH_NONE: break;
    }
}

static struct weir_string hash_text(struct weir_text_writer *writer, enum hash_kind kind, struct weir_slice s)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t bytes[64];
    digest(kind, s, bytes);
    uint32_t length = hashes[kind].bytes;
    char *to = weir_text_reserve(writer, (size_t)length * 2);
    for (uint32_t k = 0; k < length; k++) {
        to[2 * k] = digits[bytes[k] >> 4];
        to[2 * k + 1] = digits[bytes[k] & 15];
    }
    return weir_text_finish(writer, to, (size_t)length * 2);
}

static enum weir_error_code hash_rows(WEIR_KERNEL_PARAMETERS, enum hash_kind kind)
{
    struct weir_text_writer writer;
    weir_text_writer_init(&writer, call);
    WEIR_FOR_ROWS(i, rows, count)
    {
        WEIR_RESULT(struct weir_string, out, i) = hash_text(&writer, kind, weir_text_slice(arguments[0], i));
    }
    return WEIR_OK;
}

#define HASH_KERNEL(name, kind)                                    \
    static enum weir_error_code name(WEIR_KERNEL_PARAMETERS)       \
    {                                                              \
        return hash_rows(call, arguments, out, rows, count, kind); \
    }
HASH_KERNEL(hash_md5, HASH_MD5)
HASH_KERNEL(hash_sha1, HASH_SHA1)
HASH_KERNEL(hash_sha224, HASH_SHA224)
HASH_KERNEL(hash_sha256, HASH_SHA256)
HASH_KERNEL(hash_sha384, HASH_SHA384)
HASH_KERNEL(hash_sha512, HASH_SHA512)

bool weir_infer_hash(WEIR_INFER_PARAMETERS)
{
    (void)literals, (void)reterr;
    static const weir_kernel kernels[] = { hash_md5, hash_sha1, hash_sha224, hash_sha256, hash_sha384,
        hash_sha512 };
    for (size_t k = 0; k < WEIR_ARRAY_COUNT(hashes); k++) {
        if (strcmp(function->name, hashes[k].name) != 0) continue;
        return weir_text_match(
            arena, given, count, "B", &weir_type_string, WEIR_TEXT_NULL_AS_ARGUMENTS, kernels[k], ret);
    }
    return false;
}

/* SHA2(text, 224 | 256 | 384 | 512) */
static enum weir_error_code sha2(WEIR_KERNEL_PARAMETERS)
{
    struct weir_text_writer writer;
    weir_text_writer_init(&writer, call);
    WEIR_FOR_ROWS(i, rows, count)
    {
        int32_t bits = WEIR_ARGUMENT(int32_t, arguments[1], i);
        enum hash_kind kind = bits == 224   ? HASH_SHA224
                              : bits == 256 ? HASH_SHA256
                              : bits == 384 ? HASH_SHA384
                              : bits == 512 ? HASH_SHA512
                                            : HASH_NONE;
        if (kind == HASH_NONE)
            return weir_error_set(call->error, WEIR_E_ARGUMENT,
                "Unsupported algorithm: SHA-%d; SHA2 takes 224, 256, 384 or 512", bits);
        WEIR_RESULT(struct weir_string, out, i) = hash_text(&writer, kind, weir_text_slice(arguments[0], i));
    }
    return WEIR_OK;
}

bool weir_infer_sha2(WEIR_INFER_PARAMETERS)
{
    (void)function, (void)literals, (void)reterr;
    return weir_text_match(
        arena, given, count, "BI", &weir_type_string, WEIR_TEXT_NULL_AS_ARGUMENTS, sha2, ret);
}

/* --- HASH_CODE: Java's hash of a string (over UTF-16), without its sign --- */
static enum weir_error_code hash_code(WEIR_KERNEL_PARAMETERS)
{
    WEIR_FOR_ROWS(i, rows, count)
    {
        struct weir_slice s = weir_text_slice(arguments[0], i);
        uint32_t hash = 0, point;
        for (size_t at = 0; at < s.length;) {
            at += weir_text_decode(s.data + at, s.length - at, &point);
            if (point >= 0x10000) {
                hash = hash * 31 + 0xD800 + ((point - 0x10000) >> 10);
                point = 0xDC00 + ((point - 0x10000) & 0x3FF);
            }
            hash = hash * 31 + point;
        }
        int32_t value = (int32_t)hash;
        WEIR_RESULT(int32_t, out, i) = value < 0 && value != INT32_MIN ? -value : value;
    }
    return WEIR_OK;
}

bool weir_infer_hash_code(WEIR_INFER_PARAMETERS)
{
    return weir_text_match(
        arena, given, count, "S", weir_type_of(WEIR_TYPE_INT), WEIR_TEXT_NULL_AS_ARGUMENTS, hash_code, ret);
}

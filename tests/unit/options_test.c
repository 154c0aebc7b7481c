/* SPDX-License-Identifier: Apache-2.0 */
/* options_test.c -- sizes, patterns and the environment as a whole, with every kind of nonsense in them. */
#include "check.h"
#include "options.h"

#include <stdlib.h>
#include <unistd.h>

static void check_size(const char *text, uint64_t expected)
{
    uint64_t bytes = 12345;

    if (!CHECK(mr_parse_size(text, &bytes)) || !CHECK_EQ(bytes, expected)) {
        fprintf(stderr, "text \"%s\"\n", text);
    }
}

static void check_no_size(const char *text)
{
    uint64_t bytes = 12345;

    if (!CHECK(!mr_parse_size(text, &bytes)) || !CHECK_EQ(bytes, 12345)) {
        fprintf(stderr, "text \"%s\" is no size\n", text);
    }
}

static void sizes(void)
{
    static const char *const nonsense[] = {
        "",
        " ",
        "K",
        "-1",
        "+1",
        "0x10",
        " 64K",
        "64K ",
        "64 K",
        "64KK",
        "64iB",
        "64Ki ",
        "6 4",
        "1e6",
        "1.5M",
        "64T",
        "64KBB",
        "64KiBs",
        "64,000",
        "sixty",
        "18446744073709551616",
        "99999999999999999999",
        "340282366920938463463374607431768211456",
        "18014398509481984K",
        "17592186044416M",
        "17179869184G",
        "17179869184GiB",
    };

    check_size("0", 0);
    check_size("1", 1);
    check_size("65536", 65536);
    check_size("65536B", 65536);
    check_size("64K", 65536);
    check_size("64k", 65536);
    check_size("64KB", 65536);
    check_size("64KiB", 65536);
    check_size("2M", 2097152);
    check_size("2MiB", 2097152);
    check_size("1G", 1073741824);
    check_size("1GiB", 1073741824);
    check_size("00064K", 65536);
    check_size("17179869183G", UINT64_C(17179869183) << 30);
    check_size("18014398509481983K", UINT64_C(18014398509481983) << 10);
    check_size("18446744073709551600", UINT64_C(18446744073709551600));
    for (size_t i = 0; i < sizeof nonsense / sizeof nonsense[0]; i++) {
        check_no_size(nonsense[i]);
    }
}

static void patterns(void)
{
    char out[MR_PATH_BYTES], expected[MR_PATH_BYTES], host[256], path[MR_PATH_BYTES];
    const char *name = mr_executable_name(path);

    CHECK_STR(name, "options_test");
    gethostname(host, sizeof host);
    CHECK(mr_expand_pattern("/tmp/a", out, sizeof out));
    CHECK_STR(out, "/tmp/a");
    CHECK(mr_expand_pattern("/tmp/%p.zst", out, sizeof out));
    snprintf(expected, sizeof expected, "/tmp/%d.zst", (int)getpid());
    CHECK_STR(out, expected);
    CHECK(mr_expand_pattern("%h%e%p%%%h", out, sizeof out));
    snprintf(expected, sizeof expected, "%soptions_test%d%%%s", host, (int)getpid(), host);
    CHECK_STR(out, expected);
    CHECK(mr_expand_pattern("100%%p", out, sizeof out));
    CHECK_STR(out, "100%p");
    CHECK(mr_expand_pattern("%x%", out, sizeof out)); /* what is unknown stays as it is */
    CHECK_STR(out, "%x%");
    CHECK(!mr_expand_pattern("", out, sizeof out));

    /* Exactly as many bytes as there are, and one too many. */
    memset(out, '#', sizeof out);
    CHECK(mr_expand_pattern("12345", out, 6));
    CHECK_STR(out, "12345");
    CHECK(!mr_expand_pattern("123456", out, 6));
    CHECK(!mr_expand_pattern("%e", out, sizeof "options_test" - 1));
    CHECK(mr_expand_pattern("%e", out, sizeof "options_test"));
    CHECK_STR(out, "options_test");
    CHECK_EQ(out[sizeof "options_test"], '#');
}

static void clear(void)
{
    static const char *const names[] = {"MEMREC_TRACE", "MEMREC_INTERVAL",   "MEMREC_CHILDREN",
                                        "MEMREC_ONLY",  "MEMREC_DRAIN_MS",   "MEMREC_MEMORY_MS",
                                        "MEMREC_LEVEL", "MEMREC_CLASSES_MS", "MEMREC_ROTATE",
                                        "MEMREC_KEEP"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        unsetenv(names[i]);
    }
}

/* The options when one variable has this value; MEMREC_TRACE is set. */
static struct mr_options with(const char *name, const char *value)
{
    static struct mr_options options;

    clear();
    setenv("MEMREC_TRACE", "/tmp/t", 1);
    setenv(name, value, 1);
    memset(&options, 0xa5, sizeof options);
    CHECK(mr_options_read(&options, NULL));
    clear();
    return options;
}

static void environment(void)
{
    static struct mr_options options;
    char directory[MR_PATH_BYTES], expected[2 * MR_PATH_BYTES];

    clear();
    CHECK(!mr_options_read(&options, NULL));
    setenv("MEMREC_TRACE", "", 1);
    CHECK(!mr_options_read(&options, NULL));

    options = with("MEMREC_TRACE", "/tmp/%p.zst");
    CHECK_STR(options.trace, "/tmp/%p.zst"); /* a forked child expands it anew */
    CHECK_EQ(options.interval_bytes, 65536);
    CHECK(options.children);
    CHECK_EQ(options.drain_ms, 50);
    CHECK_EQ(options.memory_ms, 2000);
    CHECK_EQ(options.classes_ms, 5000);
    CHECK_EQ(options.level, 1);

    CHECK(mr_options_read(&options, "/tmp/told")); /* by the program, not by the environment */
    CHECK_STR(options.trace, "/tmp/told");
    CHECK(!mr_options_read(&options, ""));

    options = with("MEMREC_TRACE", "sub/t.zst");
    CHECK(getcwd(directory, sizeof directory) != NULL);
    snprintf(expected, sizeof expected, "%s/sub/t.zst", directory);
    CHECK_STR(options.trace, expected);

    CHECK_EQ(with("MEMREC_INTERVAL", "1").interval_bytes, 1);
    CHECK_EQ(with("MEMREC_INTERVAL", "2MiB").interval_bytes, 2097152);
    CHECK_EQ(with("MEMREC_INTERVAL", "0").interval_bytes, 65536);
    CHECK_EQ(with("MEMREC_INTERVAL", "often").interval_bytes, 65536);
    CHECK_EQ(with("MEMREC_INTERVAL", "-5").interval_bytes, 65536);
    CHECK_EQ(with("MEMREC_INTERVAL", "17179869183G").interval_bytes, UINT64_C(1) << 40);
    CHECK(!with("MEMREC_CHILDREN", "0").children);
    CHECK(with("MEMREC_CHILDREN", "1").children);
    CHECK_EQ(with("MEMREC_DRAIN_MS", "0").drain_ms, 1);
    CHECK_EQ(with("MEMREC_DRAIN_MS", "99999999999").drain_ms, 1000);
    CHECK_EQ(with("MEMREC_DRAIN_MS", "fast").drain_ms, 50);
    CHECK_EQ(with("MEMREC_MEMORY_MS", "1").memory_ms, 500);
    CHECK_EQ(with("MEMREC_MEMORY_MS", "700").memory_ms, 700);
    CHECK_EQ(with("MEMREC_CLASSES_MS", "1").classes_ms, 1000);
    CHECK_EQ(with("MEMREC_CLASSES_MS", "20000").classes_ms, 20000);
    CHECK_EQ(with("MEMREC_LEVEL", "0").level, 1);
    CHECK_EQ(with("MEMREC_LEVEL", "40").level, 9);

    char *long_path = malloc(MR_PATH_BYTES + 1);
    memset(long_path, 'a', MR_PATH_BYTES);
    long_path[0] = '/';
    long_path[MR_PATH_BYTES] = '\0';
    setenv("MEMREC_TRACE", long_path, 1);
    CHECK(!mr_options_read(&options, NULL));
    setenv("MEMREC_TRACE", long_path + 1, 1); /* relative: longer by the directory */
    CHECK(!mr_options_read(&options, NULL));
    long_path[MR_PATH_BYTES - 1] = '\0';
    setenv("MEMREC_TRACE", long_path, 1);
    CHECK(mr_options_read(&options, NULL));
    CHECK_STR(options.trace, long_path);
    free(long_path);
    clear();
}

static void check_amount(const char *text, uint64_t files, uint64_t bytes, uint64_t seconds)
{
    struct mr_amount amount = {1, 2, 3};

    if (!CHECK(mr_parse_amount(text, &amount)) || !CHECK_EQ(amount.files, files) ||
        !CHECK_EQ(amount.bytes, bytes) || !CHECK_EQ(amount.ns, seconds * 1000000000)) {
        fprintf(stderr, "text \"%s\"\n", text);
    }
}

static void amounts(void)
{
    static const char *const nonsense[] = {
        "",      ",",         "0",
        "0s",    "8,",        ",8",
        "8,9",   "1M,2M",     "1h,30min",
        "30m ",  "1.5h",      "-1h",
        "h",     "min",       "9999999999s",
        "1w",    "8 files",   "12minutes",
        "1M;1h", "1G,2h,3,4", "1000000000000000000000000000000000000000000",
    };

    check_amount("8", 8, 0, 0);
    check_amount("256M", 0, 256 << 20, 0);
    check_amount("64KiB", 0, 65536, 0);
    check_amount("90s", 0, 0, 90);
    check_amount("30min", 0, 0, 1800);
    check_amount("6h", 0, 0, 21600);
    check_amount("7d", 0, 0, 604800);
    check_amount("256M,6h", 0, 256 << 20, 21600);
    check_amount("10h,12,2G", 12, UINT64_C(2) << 30, 36000);
    for (size_t i = 0; i < sizeof nonsense / sizeof nonsense[0]; i++) {
        struct mr_amount amount = {1, 2, 3};

        if (!CHECK(!mr_parse_amount(nonsense[i], &amount)) || !CHECK_EQ(amount.ns, 3)) {
            fprintf(stderr, "text \"%s\" is no amount\n", nonsense[i]);
        }
    }
}

static void rotation(void)
{
    struct mr_options options = with("MEMREC_LEVEL", "1");

    CHECK(!mr_options_rotate(&options) && !mr_options_keep_last(&options));
    CHECK(!mr_options_rotate((options = with("MEMREC_ROTATE", "soon"), &options)));
    CHECK_EQ(with("MEMREC_ROTATE", "256M").rotate.bytes, 256 << 20);
    CHECK_EQ(with("MEMREC_ROTATE", "100").rotate.bytes, 65536);
    CHECK_EQ(with("MEMREC_ROTATE", "2min,1M").rotate.ns, UINT64_C(120000000000));
    /* What is kept says how often, where that is not told. */
    CHECK_EQ(with("MEMREC_KEEP", "800M").rotate.bytes, 100 << 20);
    CHECK_EQ(with("MEMREC_KEEP", "8h").rotate.ns, UINT64_C(3600000000000));
    CHECK_EQ(with("MEMREC_KEEP", "8h").rotate.bytes, 0);
    CHECK_EQ(with("MEMREC_KEEP", "3").rotate.bytes, 64 << 20);
    CHECK_EQ(with("MEMREC_KEEP", "3").keep.files, 3);
    CHECK_EQ(with("MEMREC_KEEP", "2s").rotate.ns, 1000000000);
}

static bool recorded_only(const char *list)
{
    static struct mr_options options;

    clear();
    setenv("MEMREC_TRACE", "/tmp/t", 1);
    setenv("MEMREC_ONLY", list, 1);
    bool recorded = mr_options_read(&options, NULL);
    if (recorded) {
        CHECK_STR(options.trace, "/tmp/t"); /* the name was looked up in the same memory */
    }
    clear();
    return recorded;
}

static void only(void)
{
    CHECK(recorded_only("options_test"));
    CHECK(recorded_only("bash,options_test"));
    CHECK(recorded_only("options_test,bash"));
    CHECK(recorded_only(",,options_test,,"));
    CHECK(recorded_only("")); /* empty: everything */
    CHECK(!recorded_only("options"));
    CHECK(!recorded_only("options_test2"));
    CHECK(!recorded_only("ptions_test"));
    CHECK(!recorded_only("bash,perl"));
    CHECK(!recorded_only(","));
    CHECK(!recorded_only("options_test ,bash")); /* a name may hold a space */
}

int main(void)
{
    sizes();
    patterns();
    environment();
    amounts();
    rotation();
    only();
    return check_summary();
}

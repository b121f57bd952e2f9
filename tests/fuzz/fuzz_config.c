/* Fuzzes the reader of configs: a YAML text and assignments of --set.
 *
 * Input: the text, then any number of "key=value", separated. What is accepted must be written so
 * that it reads back to the same text. Why here: see fuzz.h. */
#include <string.h>

#include "fuzz.h"
#include "lockstep/base/memory.h"
#include "lockstep/train/config.h"

enum { SETS_MAX = 8 };

static size_t take_sets(fuzz_part rest, char *sets[SETS_MAX]) {
    size_t n = 0;
    while (rest.size > 0 && n < SETS_MAX) {
        const fuzz_part set = fuzz_cut(&rest);
        fuzz_expect(ls_strndup((const char *)set.data, set.size, &sets[n]) == LS_OK, "memory");
        n++;
    }
    return n;
}

static void read_back(const ls_config *config) {
    char *first = NULL, *second = NULL;
    ls_config again = {0};
    ls_status st = ls_config_dump(config, &first);
    fuzz_expect(st == LS_OK, "what was read can not be written");
    st = ls_config_read_text(first, "dump", &again);
    if (st == LS_OK)
        st = ls_config_dump(&again, &second);
    fuzz_expect(st == LS_OK, "what was written can not be read");
    fuzz_expect(strcmp(first, second) == 0, "it reads back to something else");
    ls_config_free(&again);
    ls_free(first);
    ls_free(second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_part rest = {data, size};
    char *sets[SETS_MAX];
    ls_config config = {0};
    const fuzz_part text = fuzz_cut(&rest);
    const size_t n = take_sets(rest, sets);
    const ls_status st =
        ls_config_read(fuzz_file(0, text.data, text.size), (const char *const *)sets, n, &config);
    fuzz_expect_modest(st);
    if (st == LS_OK) {
        read_back(&config);
        ls_config_free(&config);
    }
    for (size_t i = 0; i < n; i++)
        ls_free(sets[i]);
    return 0;
}

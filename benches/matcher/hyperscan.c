/* Hyperscan as a peer of benches/matcher.rs: literals and text from files, figures to standard output.
 * cc -O2 hyperscan.c -o hyperscan $(pkg-config --cflags --libs libhs) */
#include <hs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static char *slurp(const char *path, size_t *length) {
    FILE *file = fopen(path, "rb");
    if (!file) exit(1);
    fseek(file, 0, SEEK_END);
    *length = (size_t)ftell(file);
    rewind(file);
    char *bytes = malloc(*length + 1);
    if (!bytes || fread(bytes, 1, *length, file) != *length) exit(1);
    bytes[*length] = 0;
    fclose(file);
    return bytes;
}

static double cpu(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int count(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *hits) {
    (void)id, (void)from, (void)to, (void)flags;
    ++*(unsigned long *)hits;
    return 0;
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    size_t literals_length, text_length, lines = 0, at = 0;
    char *literals = slurp(argv[1], &literals_length), *text = slurp(argv[2], &text_length);
    for (size_t i = 0; i < literals_length; i++) lines += literals[i] == '\n';
    const char **patterns = malloc(lines * sizeof *patterns);
    size_t *lengths = malloc(lines * sizeof *lengths);
    unsigned *ids = malloc(lines * sizeof *ids), *flags = calloc(lines, sizeof *flags);
    for (char *line = strtok(literals, "\n"); line; line = strtok(NULL, "\n"), at++)
        patterns[at] = line, lengths[at] = strlen(line), ids[at] = (unsigned)at;
    double start = cpu();
    hs_database_t *database;
    hs_compile_error_t *error;
    if (hs_compile_lit_multi(patterns, flags, ids, lengths, (unsigned)at, HS_MODE_BLOCK, NULL, &database, &error)) {
        printf("error %s\n", error->message);
        return 0;
    }
    double compiled = cpu() - start;
    hs_scratch_t *scratch = NULL;
    if (hs_alloc_scratch(database, &scratch)) return 1;
    size_t bytes;
    hs_database_size(database, &bytes);
    unsigned long hits = 0;
    double best = 1e9;
    for (int round = 0; round < 3; round++) {
        hits = 0;
        start = cpu();
        hs_scan(database, text, (unsigned)text_length, 0, scratch, count, &hits);
        double spent = cpu() - start;
        if (spent < best) best = spent;
    }
    printf("ok %.3f %.6f %lu %zu\n", compiled, best, hits, bytes);
    return 0;
}

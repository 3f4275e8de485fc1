// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "cli/progress.h"
#include "test.h"

typedef struct Screen {
    char *text;
    size_t n;
    FILE *out;
    Progress *progress;
} Screen;

static void screen_open(Screen *screen, unsigned rows, unsigned columns) {
    screen->out = open_memstream(&screen->text, &screen->n);
    screen->progress = progress_new(screen->out, rows, columns);
}

static char *screen_close(Screen *screen) {
    progress_free(screen->progress);
    fclose(screen->out);
    return screen->text;
}

static void without_a_terminal_each_phase_is_a_line(void **state) {
    (void)state;
    Screen screen = {};
    screen_open(&screen, 0, 0);
    progress_update(screen.progress, "aaaaaaaaaaaa", "Pulling fs layer", 0, 0, 0);
    for (int64_t i = 0; i < 100; i++)
        progress_update(screen.progress, "aaaaaaaaaaaa", "Downloading", i, 100, i * TIME_SECOND);
    progress_update(screen.progress, "bbbbbbbbbbbb", "Already exists", 0, 0, 0);
    progress_update(screen.progress, "aaaaaaaaaaaa", "Pull complete", 0, 0, 0);
    progress_finish(screen.progress);
    autofree char *text = screen_close(&screen);
    assert_string_equal(text, "aaaaaaaaaaaa: Pulling fs layer\n"
                              "bbbbbbbbbbbb: Already exists\n"
                              "aaaaaaaaaaaa: Pull complete\n");
}

static void on_a_terminal_lines_are_redrawn_in_place(void **state) {
    (void)state;
    Screen screen = {};
    screen_open(&screen, 24, 80);
    progress_update(screen.progress, "a", "Pulling fs layer", 0, 0, 0);
    progress_update(screen.progress, "b", "Already exists", 0, 0, 0);
    progress_update(screen.progress, "a", "Pull complete", 0, 0, 0);
    autofree char *text = screen_close(&screen);
    assert_string_equal(text, "\n\033[1A\r\033[2Ka: Pulling fs layer\r\033[1B"
                              "\n\033[1A\r\033[2Kb: Already exists\r\033[1B"
                              "\033[2A\r\033[2Ka: Pull complete\r\033[2B");
}

static size_t count(const char *text, const char *word) {
    size_t n = 0;
    for (const char *p = strstr(text, word); p; p = strstr(p + 1, word))
        n++;
    return n;
}

static void redrawing_is_bounded_in_time_and_ends_with_the_last_state(void **state) {
    (void)state;
    Screen screen = {};
    screen_open(&screen, 24, 80);
    for (int64_t i = 0; i <= 1000; i++)
        progress_update(
            screen.progress, "a", "Downloading", i * 1000, 1000000, i * TIME_MILLISECOND / 10);
    progress_finish(screen.progress);
    autofree char *text = screen_close(&screen);
    assert_in_range(count(text, "Downloading"), 2, 5); // 100 ms at one each 50 ms, and the last
    assert_int_equal(count(text, "1MB/1MB"), 1);
}

/* The text between the erase of the line and the way back. */
static size_t drawn_width(const char *text) {
    const char *start = strstr(text, "\033[2K");
    assert_non_null(start);
    return strcspn(start + 4, "\r");
}

static void no_line_is_wider_than_the_terminal(void **state) {
    (void)state;
    for (unsigned columns = 5; columns < 200; columns++) {
        Screen screen = {};
        screen_open(&screen, 24, columns);
        progress_update(screen.progress, "0123456789ab", "Downloading", 5590000, 133000000, 0);
        autofree char *text = screen_close(&screen);
        // the ellipsis is three bytes wide
        assert_true(drawn_width(text) <= columns - 1 + 2);
    }
}

static void lines_beyond_the_top_are_left_alone(void **state) {
    (void)state;
    Screen screen = {};
    screen_open(&screen, 3, 80);
    for (char layer[2] = "a"; *layer <= 'e'; ++*layer)
        progress_update(screen.progress, layer, "Pulling fs layer", 0, 0, 0);
    progress_update(screen.progress, "a", "Pull complete", 0, 0, 0);
    progress_update(screen.progress, "e", "Pull complete", 0, 0, 0);
    autofree char *text = screen_close(&screen);
    assert_null(strstr(text, "a: Pull complete"));
    assert_non_null(strstr(text, "e: Pull complete"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(without_a_terminal_each_phase_is_a_line),
        TEST(on_a_terminal_lines_are_redrawn_in_place),
        TEST(redrawing_is_bounded_in_time_and_ends_with_the_last_state),
        TEST(no_line_is_wider_than_the_terminal),
        TEST(lines_beyond_the_top_are_left_alone),
    };
    return RUN(tests);
}

/* A disk that takes its time: whatever syncs a file returns no sooner than SLOW_DISK_MICROSECONDS after it was called.
   Loaded before the C library (LD_PRELOAD); the sync itself is carried out as always. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

static int slowly(const char *name, int file) {
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    int (*sync)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    int result = sync(file);
    long long least = atoll(getenv("SLOW_DISK_MICROSECONDS")) * 1000 + end.tv_nsec;
    end.tv_sec += least / 1000000000;
    end.tv_nsec = least % 1000000000;
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL) != 0) {
    }
    return result;
}

int fsync(int file) { return slowly("fsync", file); }

int fdatasync(int file) { return slowly("fdatasync", file); }

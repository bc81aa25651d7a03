/* A producer of pictures in shared memory, in C: 100 pictures of one colour, 320x180 BGRA, 50 a second.
 *
 *     cc -O2 -o shm_producer shm_producer.c && ./shm_producer game 00 00 ff      blue, green, red
 *     pinhole --source shm:game
 *
 * Linux only. docs/shared-memory.md explains each field. */
#include <fcntl.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct pinhole_ring {
    char magic[8];             /* "PINHOLE" and a zero byte, written last */
    uint32_t version;          /* 1 */
    char format[4];            /* "I420", "NV12" or "BGRA" */
    uint32_t width, height;    /* even, 16x16 to 3840x2160 */
    uint32_t stride;           /* bytes between rows of the first plane, even */
    uint32_t fps_num, fps_den; /* pictures a second: 30/1, 30000/1001 */
    uint32_t slots;            /* 2, 4, 8 or 16 */
    uint32_t flags;            /* 1: FUTEX_WAKE is called after each picture */
    uint32_t pid;              /* of the producer, or 0 */
    uint64_t first_slot;       /* offset of the first slot; at least 128, a multiple of 8 */
    uint64_t slot_bytes;       /* from one slot to the next, a multiple of 8 */
    _Atomic uint32_t pictures; /* how many were written, modulo 2^32; readers sleep on it */
    char reserved[60];
};

struct pinhole_slot {
    _Atomic uint64_t sequence; /* odd while the slot is written */
    uint64_t captured_ns;      /* CLOCK_MONOTONIC; 0: not known */
    char reserved[48];
    uint8_t pixels[];          /* plane after plane */
};

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static struct pinhole_ring *create(const char *name, uint32_t width, uint32_t height) {
    uint64_t slot_bytes = sizeof(struct pinhole_slot) + (uint64_t)width * 4 * height;
    uint64_t size = sizeof(struct pinhole_ring) + 4 * slot_bytes;
    char path[256];
    snprintf(path, sizeof path, "/%s", name);
    shm_unlink(path); /* a new ring is a new file: never change one that somebody reads */
    int fd = shm_open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
    if (fd < 0 || ftruncate(fd, (off_t)size) != 0) return NULL;
    struct pinhole_ring *ring = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (ring == MAP_FAILED) return NULL;
    ring->version = 1;
    memcpy(ring->format, "BGRA", 4);
    ring->width = width;
    ring->height = height;
    ring->stride = width * 4;
    ring->fps_num = 50;
    ring->fps_den = 1;
    ring->slots = 4;
    ring->flags = 1;
    ring->pid = (uint32_t)getpid();
    ring->first_slot = sizeof(struct pinhole_ring);
    ring->slot_bytes = slot_bytes;
    atomic_thread_fence(memory_order_release);
    memcpy(ring->magic, "PINHOLE", 8);
    return ring;
}

static void write_picture(struct pinhole_ring *ring, const uint8_t bgr[3]) {
    uint32_t pictures = atomic_load(&ring->pictures);
    uint64_t at = ring->first_slot + ring->slot_bytes * (pictures & (ring->slots - 1));
    struct pinhole_slot *slot = (struct pinhole_slot *)((char *)ring + at);
    atomic_fetch_add(&slot->sequence, 1);
    atomic_thread_fence(memory_order_seq_cst);
    slot->captured_ns = now_ns();
    for (uint64_t i = 0; i < (uint64_t)ring->stride * ring->height; i += 4)
        memcpy(slot->pixels + i, bgr, 3);
    atomic_thread_fence(memory_order_seq_cst);
    atomic_fetch_add(&slot->sequence, 1);
    atomic_store(&ring->pictures, pictures + 1);
    syscall(SYS_futex, &ring->pictures, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

int main(int argc, char **argv) {
    _Static_assert(sizeof(struct pinhole_ring) == 128 && sizeof(struct pinhole_slot) == 64, "layout");
    if (argc != 5) {
        fprintf(stderr, "usage: shm_producer NAME BLUE GREEN RED (hexadecimal)\n");
        return 2;
    }
    uint8_t bgr[3];
    for (int i = 0; i < 3; i++) bgr[i] = (uint8_t)strtoul(argv[2 + i], NULL, 16);
    struct pinhole_ring *ring = create(argv[1], 320, 180);
    if (!ring) {
        perror(argv[1]);
        return 1;
    }
    for (int i = 0; i < 100; i++) {
        write_picture(ring, bgr);
        usleep(20000);
    }
    return 0;
}

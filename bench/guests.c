// Many DHCP guests behind one port of a bridge: each has its own MAC, does one whole exchange (DISCOVER, OFFER, REQUEST,
// ACK) and is never heard of again. They come at a set rate and do not repeat what was lost, so that losses show.
//
// guests INTERFACE FIRST WARM_RATE WARM_SECONDS RATE SECONDS [renew]
//   Warms the server up, prints "measuring", waits, measures, and prints one line of JSON. Guests are numbered from
//   FIRST on; a number makes its MAC, so that runs with numbers apart are strangers to the server. With `renew`, those
//   that were bound in the warm-up, all but a few, renew their leases by unicast (RFC 2131 section 4.3.2), instead of new
//   ones coming.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "guest-frame.h"

enum {
  BATCH = 64,
  LARGEST_FRAME = 2048,
  RECEIVE_BUFFER_BYTES = 64 << 20,
  MAX_ADDRESSES = 1 << 17,  // of a /15
};
static const uint64_t TICK = 200 * 1000;            // new guests come in steps of so many nanoseconds
static const uint64_t PATIENCE = 1500 * 1000000ull;  // an ACK that comes later than this after the last start is lost
static const uint64_t PAUSE = 300 * 1000000ull;

struct run {
  const struct run *renewing;  // the run whose guests renew in this one; NULL when new ones come
  uint32_t first, planned, sent, bound, refused, doubled, odd;
  struct guest *guests;
  double sending_seconds;
};

static int port;
static uint8_t taken[MAX_ADDRESSES / 8];  // over both runs: an address is given once
static uint8_t queue[BATCH][FRAME_BYTES];
static int queued;

static uint64_t now_nanoseconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void fail(const char *what) {
  fprintf(stderr, "guests: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void open_port(const char *interface) {
  port = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_IP));
  if (port < 0) fail("socket");
  struct sockaddr_ll address = {.sll_family = AF_PACKET,
                                .sll_protocol = htons(ETH_P_IP),
                                .sll_ifindex = (int)if_nametoindex(interface)};
  if (address.sll_ifindex == 0 || bind(port, (void *)&address, sizeof address) != 0) fail(interface);
  int yes = 1, bytes = RECEIVE_BUFFER_BYTES;
  if (setsockopt(port, SOL_PACKET, PACKET_IGNORE_OUTGOING, &yes, sizeof yes) != 0) fail("ignore outgoing");
  if (setsockopt(port, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0) fail("receive buffer");
}

static void prepare(struct mmsghdr *messages, struct iovec *parts, uint8_t *frames, size_t bytes) {
  memset(messages, 0, BATCH * sizeof *messages);
  for (int at = 0; at < BATCH; at++) {
    parts[at] = (struct iovec){frames + (size_t)at * bytes, bytes};
    messages[at].msg_hdr.msg_iov = &parts[at];
    messages[at].msg_hdr.msg_iovlen = 1;
  }
}

static void send_queue(void) {
  struct iovec parts[BATCH];
  struct mmsghdr messages[BATCH];
  prepare(messages, parts, queue[0], FRAME_BYTES);
  for (int done = 0; done < queued;) {
    int sent = sendmmsg(port, messages + done, (unsigned)(queued - done), 0);
    if (sent < 0 && errno != EAGAIN && errno != ENOBUFS && errno != EINTR) fail("send");
    if (sent > 0) done += sent;
  }
  queued = 0;
}

static void queue_message(uint32_t transaction, enum message message, const struct guest *guest) {
  if (queued == BATCH) send_queue();
  write_message(queue[queued++], transaction, message, guest);
}

static void bind_guest(struct run *run, struct guest *guest, const uint8_t *ip, uint64_t now) {
  guest->bound = now;
  run->bound++;
  if (memcmp(ip, guest->offered, 4) != 0) run->odd++;
  if (run->renewing != NULL) return;
  uint32_t slot = get32(ip) % MAX_ADDRESSES;
  if (taken[slot / 8] & 1 << slot % 8) run->doubled++;
  taken[slot / 8] |= (uint8_t)(1 << slot % 8);
}

static void receive_frame(struct run *run, const uint8_t *frame, int length) {
  if (length < OPTIONS_AT + 4 || frame[IP_AT] != 0x45 || frame[IP_AT + 9] != IPPROTO_UDP) return;
  const uint8_t *dhcp = frame + DHCP_AT;
  uint32_t index = get32(dhcp + 4) - run->first;
  if (frame[UDP_AT + 3] != 68 || dhcp[0] != 2 || index >= run->sent) return;
  struct guest *guest = &run->guests[index];
  const uint8_t *server = NULL;
  int type = 0;
  for (int at = OPTIONS_AT; at + 1 < length && frame[at] != 255;) {
    if (frame[at] == 0) {
      at++;
      continue;
    }
    if (at + 2 + frame[at + 1] > length) break;
    if (frame[at] == 53) type = frame[at + 2];
    if (frame[at] == 54) server = frame + at + 2;
    at += 2 + frame[at + 1];
  }
  uint64_t now = now_nanoseconds();
  if (type == OFFER && guest->requested == 0 && server != NULL) {
    memcpy(guest->offered, dhcp + 16, 4);
    memcpy(guest->server, server, 4);
    memcpy(guest->server_mac, frame + 6, 6);
    guest->requested = now;
    queue_message(run->first + index, REQUEST, guest);
  } else if (type == ACK && guest->bound == 0 && guest->requested != 0) {
    bind_guest(run, guest, dhcp + 16, now);
  } else if (type == NAK) {
    run->refused++;
  } else {
    run->odd++;
  }
}

static int receive_batch(struct run *run) {
  static uint8_t frames[BATCH][LARGEST_FRAME];
  struct iovec parts[BATCH];
  struct mmsghdr messages[BATCH];
  prepare(messages, parts, frames[0], LARGEST_FRAME);
  int received = recvmmsg(port, messages, BATCH, MSG_DONTWAIT, NULL);
  for (int at = 0; at < received; at++) receive_frame(run, frames[at], (int)messages[at].msg_len);
  return received;
}

// The next guest begins: a new one discovers, one of those that are bound renews.
static void begin_next(struct run *run, uint64_t now) {
  struct guest *guest = &run->guests[run->sent];
  const uint32_t transaction = run->first + run->sent;
  if (run->renewing == NULL) {
    guest->number = transaction;
    queue_message(transaction, DISCOVER, guest);
  } else {
    *guest = run->renewing->guests[run->sent % run->renewing->bound];
    guest->bound = 0;
    guest->requested = now;
    queue_message(transaction, RENEW, guest);
  }
  guest->discovered = now;
  run->sent++;
}

// One run of guests at a rate, until every one is bound or the patience is over.
static struct run exchange_all(uint32_t first, double rate, double seconds, const struct run *renewing) {
  struct run run = {.renewing = renewing, .first = first, .planned = (uint32_t)(rate * seconds)};
  run.guests = calloc(run.planned + 1, sizeof *run.guests);
  if (run.guests == NULL) fail("memory");
  uint64_t began = now_nanoseconds(), last = began;
  for (;;) {
    uint64_t now = now_nanoseconds();
    double due = (double)(now - began) * 1e-9 * rate;
    for (int step = 0; step < BATCH && run.sent < run.planned && run.sent <= due; step++) {
      begin_next(&run, now);
      last = now;
    }
    int received = receive_batch(&run);
    if (queued > 0) send_queue();
    if (run.sent == run.planned && (run.bound == run.sent || now - last > PATIENCE)) break;
    if (received > 0 || (run.sent < run.planned && run.sent <= due)) continue;
    struct pollfd descriptor = {.fd = port, .events = POLLIN};
    struct timespec tick = {.tv_nsec = (long)TICK};
    ppoll(&descriptor, 1, &tick, NULL);
  }
  run.sending_seconds = (double)(last - began) * 1e-9;
  return run;
}

// Puts the guests that were bound in front: only they have something to renew. Says whether they are as good as all.
static int keep_bound(struct run *run) {
  uint32_t kept = 0;
  for (uint32_t index = 0; index < run->sent; index++)
    if (run->guests[index].bound != 0) run->guests[kept++] = run->guests[index];
  return kept > 0 && kept >= run->sent - run->sent / 100;
}

static int by_size(const void *one, const void *other) {
  double a = *(const double *)one, b = *(const double *)other;
  return (a > b) - (a < b);
}

static void print_latency(const char *name, double *values, uint32_t count) {
  qsort(values, count, sizeof *values, by_size);
  const double empty = 0;
  const double *from = count == 0 ? &empty : values;
  uint32_t last = count == 0 ? 0 : count - 1;
  printf(",\"%s\":{\"min\":%.1f,\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,\"max\":%.1f}", name, from[0],
         from[last / 2], from[(uint32_t)(last * 0.9)], from[(uint32_t)(last * 0.99)], from[last]);
}

static void print_latencies(const struct run *run) {
  double *whole = calloc(run->bound + 1, sizeof *whole), *request = calloc(run->bound + 1, sizeof *request);
  if (whole == NULL || request == NULL) fail("memory");
  uint32_t count = 0;
  for (uint32_t index = 0; index < run->sent; index++) {
    const struct guest *guest = &run->guests[index];
    if (guest->bound == 0) continue;
    whole[count] = (double)(guest->bound - guest->discovered) / 1000;
    request[count++] = (double)(guest->bound - guest->requested) / 1000;
  }
  print_latency("exchange", whole, count);
  print_latency("request", request, count);
}

int main(int count, char **arguments) {
  errno = EINVAL;
  const int renew = count == 8 && strcmp(arguments[7], "renew") == 0;
  if (count != 7 && !renew) fail("usage: guests INTERFACE FIRST WARM_RATE WARM_SECONDS RATE SECONDS [renew]");
  open_port(arguments[1]);
  uint32_t first = (uint32_t)strtoul(arguments[2], NULL, 10);
  struct run warm = exchange_all(first, atof(arguments[3]), atof(arguments[4]), NULL);
  if (renew && !keep_bound(&warm)) fail("more than a hundredth of the warm-up's guests were not bound");
  struct tpacket_stats statistics;
  socklen_t size = sizeof statistics;
  getsockopt(port, SOL_PACKET, PACKET_STATISTICS, &statistics, &size);  // reading sets them to zero
  struct timespec pause = {.tv_nsec = (long)PAUSE};
  nanosleep(&pause, NULL);
  printf("measuring\n");
  fflush(stdout);
  nanosleep(&pause, NULL);
  struct run run = exchange_all(first + warm.planned, atof(arguments[5]), atof(arguments[6]), renew ? &warm : NULL);
  getsockopt(port, SOL_PACKET, PACKET_STATISTICS, &statistics, &size);
  uint32_t offered = 0;
  for (uint32_t index = 0; index < run.sent; index++) offered += run.guests[index].requested != 0;
  printf("{\"warmSent\":%u,\"warmBound\":%u,\"sent\":%u,\"offered\":%u,\"bound\":%u,\"refused\":%u,\"doubled\":%u,",
         warm.sent, warm.bound, run.sent, offered, run.bound, run.refused, warm.doubled + run.doubled);
  printf("\"odd\":%u,\"receiverDrops\":%u,\"sendingSeconds\":%.4f", run.odd, statistics.tp_drops,
         run.sending_seconds);
  print_latencies(&run);
  printf("}\n");
  return 0;
}

// The frames of a DHCP guest: Ethernet, IPv4, UDP with its checksum, and the message.
#ifndef GUEST_FRAME_H
#define GUEST_FRAME_H
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

enum {
  FRAME_BYTES = 14 + 20 + 8 + 300,  // BOOTP messages have at least 300 bytes (RFC 1542 section 2.1)
  IP_AT = 14,
  UDP_AT = 34,
  DHCP_AT = 42,
  OPTIONS_AT = DHCP_AT + 240,
};
// DHCP message types (RFC 2132 section 9.6), but for the last, which is sent as a REQUEST.
enum message { DISCOVER = 1, OFFER = 2, REQUEST = 3, ACK = 5, NAK = 6, RENEW = 256 };

struct guest {
  uint64_t discovered, requested, bound;
  uint32_t number;  // makes its MAC
  uint8_t offered[4], server[4], server_mac[6];
};

static void put16(uint8_t *at, uint32_t value) {
  at[0] = (uint8_t)(value >> 8);
  at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value) {
  uint32_t wire = htonl(value);
  memcpy(at, &wire, sizeof wire);
}

static uint32_t get32(const uint8_t *at) {
  uint32_t wire;
  memcpy(&wire, at, sizeof wire);
  return ntohl(wire);
}

// The Internet checksum (RFC 1071) of an even number of bytes, on top of a sum begun elsewhere.
static uint16_t checksum(const uint8_t *bytes, int length, uint32_t sum) {
  for (int at = 0; at < length; at += 2) sum += (uint32_t)bytes[at] << 8 | bytes[at + 1];
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return (uint16_t)~sum;
}

static uint8_t *option(uint8_t *at, uint8_t code, const void *value, uint8_t length) {
  at[0] = code;
  at[1] = length;
  memcpy(at + 2, value, length);
  return at + 2 + length;
}

// Writes a broadcast frame with a DISCOVER, or with the REQUEST for what the guest was offered; RENEW is a REQUEST to the
// server alone, from the address that the guest holds.
static void write_message(uint8_t *frame, uint32_t transaction, enum message message, const struct guest *guest) {
  static const uint8_t parameters[] = {1, 3, 6, 12, 15, 26, 28, 42, 51, 58, 59};
  static const uint8_t cookie[] = {99, 130, 83, 99};
  memset(frame, 0, FRAME_BYTES);
  const int renews = message == RENEW;
  if (renews) memcpy(frame, guest->server_mac, 6);
  else memset(frame, 0xff, 6);
  uint8_t *mac = frame + 6;
  mac[0] = 0x02;  // locally administered
  mac[1] = 0x47;
  put32(mac + 2, guest->number);
  put16(frame + 12, ETH_P_IP);
  uint8_t *ip = frame + IP_AT, *udp = frame + UDP_AT, *dhcp = frame + DHCP_AT;
  ip[0] = 0x45;
  put16(ip + 2, FRAME_BYTES - IP_AT);
  ip[8] = 64;
  ip[9] = IPPROTO_UDP;
  if (renews) {
    memcpy(ip + 12, guest->offered, 4);
    memcpy(ip + 16, guest->server, 4);
    memcpy(dhcp + 12, guest->offered, 4);
  } else {
    memset(ip + 16, 0xff, 4);
  }
  put16(ip + 10, checksum(ip, 20, 0));
  dhcp[0] = 1;
  dhcp[1] = 1;
  dhcp[2] = 6;
  put32(dhcp + 4, transaction);
  memcpy(dhcp + 28, mac, 6);
  memcpy(dhcp + 236, cookie, sizeof cookie);
  uint8_t client[7] = {1}, longest[2] = {0x05, 0xdc}, *at = frame + OPTIONS_AT;
  memcpy(client + 1, mac, 6);
  const uint8_t type = renews ? REQUEST : (uint8_t)message;
  at = option(at, 53, &type, 1);
  at = option(at, 61, client, sizeof client);
  if (message == REQUEST) {
    at = option(at, 50, guest->offered, 4);
    at = option(at, 54, guest->server, 4);
  }
  at = option(at, 57, longest, sizeof longest);
  at = option(at, 55, parameters, sizeof parameters);
  *at = 255;
  const uint32_t length = FRAME_BYTES - UDP_AT;
  put16(udp, 68);
  put16(udp + 2, 67);
  put16(udp + 4, length);
  // The pseudo header: both addresses, protocol, length.
  uint32_t pseudo = IPPROTO_UDP + length;
  for (int word = 12; word < 20; word += 2) pseudo += (uint32_t)ip[word] << 8 | ip[word + 1];
  uint16_t sum = checksum(udp, (int)length, pseudo);
  put16(udp + 6, sum == 0 ? 0xffff : sum);
}
#endif

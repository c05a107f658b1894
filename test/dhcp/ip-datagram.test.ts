// Checklist A9 to A11 in bytes: source and destination, port 67 to 68, and checksums that a receiver can verify.

import fc from "fast-check";
import { expect, test } from "vitest";
import { filterProgram, instructionCount } from "#broker/linux/dhcp-filter.ts";
import { HEADERS_SIZE, writeDatagram } from "#broker/linux/ip-datagram.ts";

/** As a receiver adds up (RFC 1071): 0xffff for what is whole. */
function folded(bytes: Uint8Array): number {
  let total = 0;
  for (const [index, octet] of bytes.entries()) total += index % 2 === 0 ? octet << 8 : octet;
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return total;
}

test("headers and checksums hold for any payload and address", () => {
  const address = fc.nat({ max: 0xffffffff });
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 1_472 }),
      address,
      address,
      (payload, source, destination) => {
        const target = new Uint8Array(1_536).fill(0xee);
        const length = writeDatagram(
          target,
          { source, destination, sourcePort: 67, destinationPort: 68 },
          payload,
        );
        expect(length).toBe(HEADERS_SIZE + payload.length);
        const view = new DataView(target.buffer);
        expect([view.getUint16(2), view.getUint32(12), view.getUint32(16)]).toEqual([
          length,
          source,
          destination,
        ]);
        expect([view.getUint16(20), view.getUint16(22), view.getUint16(24)]).toEqual([
          67,
          68,
          length - 20,
        ]);
        expect(folded(target.subarray(0, 20))).toBe(0xffff);
        const pseudo = Uint8Array.of(...target.subarray(12, 20), 0, 17, ...target.subarray(24, 26));
        expect(folded(Uint8Array.of(...pseudo, ...target.subarray(20, length)))).toBe(0xffff);
        expect(view.getUint16(26)).not.toBe(0);
        expect(target.subarray(HEADERS_SIZE, length)).toEqual(payload);
        expect(target[length]).toBe(0xee);
      },
    ),
  );
});

test("every jump of the filter ends inside it", () => {
  for (const allowRelay of [false, true]) {
    const program = filterProgram(allowRelay);
    const count = instructionCount(program);
    for (let index = 0; index < count; index++) {
      for (const jump of program.subarray(index * 8 + 2, index * 8 + 4))
        expect(index + 1 + jump).toBeLessThanOrEqual(count - (jump === 0 ? 0 : 1));
    }
  }
});

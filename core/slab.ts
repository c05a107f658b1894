// Small byte arrays cut from large ones: an array of more than 64 bytes by itself is memory that the collector must track.

/** Some two hundred messages. */
const SLAB_BYTES = 65_536;

/** What was taken keeps its whole slab in memory: for what is soon done with. */
export class Slab {
  #bytes = new Uint8Array(SLAB_BYTES);
  #used = 0;

  /** So many bytes, all zero, that nobody else has. */
  take(length: number): Uint8Array {
    if (length > SLAB_BYTES) return new Uint8Array(length);
    if (this.#used + length > SLAB_BYTES) {
      this.#bytes = new Uint8Array(SLAB_BYTES);
      this.#used = 0;
    }
    const start = this.#used;
    this.#used += length;
    return this.#bytes.subarray(start, this.#used);
  }
}

// Types of the part of unix-dgram that is used.

declare module "unix-dgram" {
  interface DatagramSocket {
    on(event: "error", listener: (error: Error) => void): this;
    on(event: "message", listener: (bytes: Buffer) => void): this;
    bind(path: string): void;
    send(
      bytes: Buffer,
      offset: number,
      length: number,
      path: string,
      callback: (error?: Error) => void,
    ): void;
    close(): void;
  }
  const unixDgram: { createSocket(type: "unix_dgram"): DatagramSocket };
  export default unixDgram;
}

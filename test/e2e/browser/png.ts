import { unzlibSync } from "fflate";

/** The colours of a picture. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  /** Red, green and blue, from 0 to 255. */
  at(x: number, y: number): [number, number, number];
}

/** Reads a PNG as Chromium writes it: 8 bits a channel, not interlaced. */
export function decodePng(png: Uint8Array): Pixels {
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  const data: Uint8Array[] = [];
  let [width, height, channels] = [0, 0, 0];
  for (let at = 8; at < png.length;) {
    const length = view.getUint32(at);
    const type = String.fromCharCode(...png.subarray(at + 4, at + 8));
    if (type === "IHDR") [width, height, channels] = [view.getUint32(at + 8), view.getUint32(at + 12), png[at + 17] === 6 ? 4 : 3];
    if (type === "IDAT") data.push(png.subarray(at + 8, at + 8 + length));
    at += 12 + length;
  }
  const packed = new Uint8Array(data.reduce((sum, part) => sum + part.length, 0));
  let filled = 0;
  for (const part of data) {
    packed.set(part, filled);
    filled += part.length;
  }
  const raw = unzlibSync(packed);
  const stride = width * channels;
  const pixels = new Uint8Array(stride * height);
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (stride + 1)];
    for (let x = 0; x < stride; x++) {
      const left = x < channels ? 0 : pixels[y * stride + x - channels]!;
      const up = y === 0 ? 0 : pixels[(y - 1) * stride + x]!;
      const upLeft = y === 0 || x < channels ? 0 : pixels[(y - 1) * stride + x - channels]!;
      pixels[y * stride + x] = raw[y * (stride + 1) + 1 + x]! + predict(filter, left, up, upLeft);
    }
  }
  return {
    width,
    height,
    at: (x, y) => [...pixels.subarray(y * stride + x * channels, y * stride + x * channels + 3)] as [number, number, number],
  };
}

function predict(filter: number | undefined, left: number, up: number, upLeft: number): number {
  switch (filter) {
    case 1:
      return left;
    case 2:
      return up;
    case 3:
      return (left + up) >> 1;
    case 4: {
      const [toLeft, toUp, toUpLeft] = [Math.abs(up - upLeft), Math.abs(left - upLeft), Math.abs(left + up - 2 * upLeft)];
      return toLeft <= toUp && toLeft <= toUpLeft ? left : toUp <= toUpLeft ? up : upLeft;
    }
    default:
      return 0;
  }
}

#!/usr/bin/env node
// Writes the demo's icons into demo/app/public: a sun over two waves, as SVG, and as PNG at 192 and 512 pixels. All of it that
// matters lies within the middle 80 %, which every mask of a home screen leaves. The files are committed; they come out the same.
import { writeFile } from "node:fs/promises";
import { crc32, deflateSync } from "node:zlib";

const SKY = [11, 100, 116];
const SUN = [240, 148, 107];
/** From back to front: how high, how far its crests are shifted, and its colour. On a square of side 1. */
const WAVES = [
  { level: 0.56, shift: 0, colour: [127, 208, 216] },
  { level: 0.7, shift: 0.5, colour: [245, 242, 234] },
];
const CREST = 0.025;
const LENGTH = 0.4;
const CIRCLE = { x: 0.5, y: 0.43, radius: 0.17 };

const waveAt = ({ level, shift }, x) => level + CREST * Math.sin(2 * Math.PI * (x / LENGTH + shift));

/** How much of a pixel an edge leaves to what is inside, from the distance to it in pixels. */
const cover = (distance) => Math.max(0, Math.min(1, distance + 0.5));

function png(side) {
  const rows = Buffer.alloc(side * (1 + side * 3));
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      const [x, y] = [(column + 0.5) / side, (row + 0.5) / side];
      const sun = { colour: SUN, part: cover((CIRCLE.radius - Math.hypot(x - CIRCLE.x, y - CIRCLE.y)) * side) };
      const waves = WAVES.map((wave) => ({ colour: wave.colour, part: cover((y - waveAt(wave, x)) * side) }));
      const pixel = [sun, ...waves].reduce((below, { colour, part }) => below.map((value, i) => value + (colour[i] - value) * part), SKY);
      rows.set(pixel.map(Math.round), row * (1 + side * 3) + 1 + column * 3);
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  header.set([8, 2], 8);
  return Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), chunk("IHDR", header), chunk("IDAT", deflateSync(rows, { level: 9 })), chunk("IEND", Buffer.alloc(0))]);
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(data.length, 0);
  framed.set(body, 4);
  framed.writeUInt32BE(crc32(body), body.length + 4);
  return framed;
}

function svg() {
  const rgb = (colour) => `#${colour.map((value) => value.toString(16).padStart(2, "0")).join("")}`;
  const number = (value) => String(Number((value * 512).toFixed(1)));
  const waves = WAVES.map((wave) => {
    const points = Array.from({ length: 65 }, (_, i) => `${number(i / 64)} ${number(waveAt(wave, i / 64))}`);
    return `<path fill="${rgb(wave.colour)}" d="M0 512L${points.join("L")}L512 512z"/>`;
  });
  const circle = `<circle cx="${number(CIRCLE.x)}" cy="${number(CIRCLE.y)}" r="${number(CIRCLE.radius)}" fill="${rgb(SUN)}"/>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 512 512"><rect width="512" height="512" fill="${rgb(SKY)}"/>${circle}${waves.join("")}</svg>\n`;
}

const folder = new URL("./app/public/", import.meta.url);
await writeFile(new URL("icon.svg", folder), svg());
for (const side of [192, 512]) await writeFile(new URL(`icon-${side}.png`, folder), png(side));

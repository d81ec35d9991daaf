#!/usr/bin/env python3
"""Makes the small images here, and what Pillow and NumPy make of them (expected.json).

    python3 test/support/images/make.py FOLDER_OF_PHOTOS

Needs numpy and Pillow. Of the photos only what they become is kept.
"""
import base64, json, math, pathlib, struct, sys, zlib
import numpy as np
from PIL import Image, ImageOps

HERE = pathlib.Path(__file__).parent
random = np.random.default_rng(7)
cases, photos, pixels = [], [], {}


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def write_png(name, rows, depth, color, interlaced=False, extra=b""):
    """rows: uint8 or big-endian uint16 array [height, width, channels], or packed bytes a row."""
    height, width = rows.shape[:2]
    passes = [(0, 0, 1, 1)] if not interlaced else [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    raw = b"".join(b"\0" + line.tobytes() for y, x, dy, dx in passes for line in rows[y::dy, x::dx] if line.size)
    width = width * 8 // depth if depth < 8 else width
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, int(interlaced))
    (HERE / name).write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b""))


def rgba(array):
    """What a decoder must give of an image, exactly."""
    array = np.asarray(array, np.uint8)
    if array.ndim == 2:
        array = np.repeat(array[..., None], 3, -1)
    if array.shape[2] == 3:
        array = np.concatenate([array, np.full(array.shape[:2] + (1,), 255, np.uint8)], -1)
    return {"width": array.shape[1], "height": array.shape[0], "data": base64.b64encode(array.tobytes()).decode()}


# Images of every kind that there is, small.
noise = random.integers(0, 256, (5, 7, 4), dtype=np.uint8)
noise[0, :3, 3] = (0, 128, 255)
for name, array, color in [("rgb.png", noise[..., :3], 2), ("rgba.png", noise, 6), ("gray.png", noise[..., :1], 0), ("gray-alpha.png", noise[..., [0, 3]], 4)]:
    write_png(name, array, 8, color)
write_png("interlaced.png", noise[..., :3], 8, 2, interlaced=True)
pixels["rgb.png"] = pixels["interlaced.png"] = rgba(noise[..., :3])
pixels["rgba.png"] = rgba(noise)
pixels["gray.png"] = rgba(noise[..., 0])
pixels["gray-alpha.png"] = rgba(noise[..., [0, 0, 0, 3]])
wide = random.integers(0, 65536, (5, 7, 4), dtype=np.uint16)
write_png("rgb16.png", wide[..., :3].astype(">u2"), 16, 2)
write_png("gray16.png", wide[..., :1].astype(">u2"), 16, 0)
pixels["rgb16.png"] = rgba(wide[..., :3] >> 8)
pixels["gray16.png"] = rgba(wide[..., 0] >> 8)
bits = random.integers(0, 256, (5, 1), dtype=np.uint8)
write_png("gray1.png", bits, 1, 0)
pixels["gray1.png"] = rgba(np.unpackbits(bits, axis=1) * 255)
write_png("gray4.png", random_4 := random.integers(0, 256, (5, 3), dtype=np.uint8), 4, 0)
pixels["gray4.png"] = rgba(np.stack([random_4 >> 4, random_4 & 15], -1).reshape(5, 6) * 17)
key = noise[2, 3, :3]
write_png("color-key.png", noise[..., :3], 8, 2, extra=chunk(b"tRNS", struct.pack(">HHH", *map(int, key))))
keyed = np.concatenate([noise[..., :3], np.where((noise[..., :3] == key).all(-1, keepdims=True), 0, 255).astype(np.uint8)], -1)
pixels["color-key.png"] = rgba(keyed)
palette = random.integers(0, 256, (4, 4), dtype=np.uint8)
indices = random.integers(0, 4, (5, 8), dtype=np.uint8)
packed = (indices[:, 0::4] << 6 | indices[:, 1::4] << 4 | indices[:, 2::4] << 2 | indices[:, 3::4]).astype(np.uint8)
write_png("palette.png", packed, 2, 3, extra=chunk(b"PLTE", palette[:, :3].tobytes()) + chunk(b"tRNS", palette[:, 3].tobytes()))
pixels["palette.png"] = rgba(palette[indices])



def picture(width, height):
    """Soft light, hard edges in strong colours, and grain: what photographs are made of."""
    y, x = np.mgrid[0:height, 0:width].astype(float)
    light = 128 + 100 * np.stack([np.sin(x / 9), np.cos(y / 7), np.sin((x + y) / 11)], -1)
    light[np.hypot(x - width * 0.6, y - height * 0.4) < height / 4] = (230, 40, 30)
    light[np.abs(x - y - 4) < 2.5] = (20, 60, 220)
    return Image.fromarray(np.clip(light + random.normal(0, 6, light.shape), 0, 255).astype(np.uint8))


picture(53, 37).save(HERE / "picture.png", optimize=True)
detail = picture(83, 61)
for name, options in [("420.jpg", {"subsampling": 2}), ("422.jpg", {"subsampling": 1}), ("444.jpg", {"subsampling": 0}), ("progressive.jpg", {"subsampling": 2, "progressive": True})]:
    detail.save(HERE / name, quality=88, **options)
detail.convert("L").save(HERE / "gray.jpg", quality=88)
turned = Image.Exif()
turned[0x0112] = 6
detail.save(HERE / "turned.jpg", quality=88, subsampling=2, exif=turned)


def tf_bilinear(plane, height, width, box):
    """tf.image.resize(method="bilinear", antialias=False): half-pixel centres, the two nearest, edges repeated."""
    def axis(size, start, stop, out):
        at = start + (np.arange(out) + 0.5) * (stop - start) / out - 0.5
        low = np.floor(at)
        return np.clip(low, 0, size - 1).astype(int), np.clip(low + 1, 0, size - 1).astype(int), at - low
    top, bottom, share = axis(plane.shape[0], box[1], box[3], height)
    rows = plane[top] * (1 - share)[:, None] + plane[bottom] * share[:, None]
    left, right, share = axis(plane.shape[1], box[0], box[2], width)
    return rows[:, left] * (1 - share) + rows[:, right] * share


METHODS = {"pillow-bilinear": Image.BILINEAR, "pillow-bicubic": Image.BICUBIC, "nearest": Image.NEAREST}


def resize(plane, method, height, width, box):
    if method == "tf-bilinear":
        return tf_bilinear(np.asarray(plane, np.float64), height, width, box)
    return np.asarray(plane.resize((width, height), METHODS[method], box=box), np.float64)


def reference(image, how, height, width):
    """The same in Pillow's and NumPy's own words."""
    if image.mode in ("RGBA", "LA", "P", "PA"):
        under = Image.new("RGBA", image.size, tuple(how["background"]) + (255,))
        image = Image.alpha_composite(under, image.convert("RGBA"))
    image = image.convert("L" if how["channels"] == "gray" else "RGB")
    background = Image.new("RGB", (1, 1), tuple(how["background"])).convert(image.mode).split()
    share = how["centralFraction"]
    box = ((1 - share) / 2 * image.width, (1 - share) / 2 * image.height, (1 + share) / 2 * image.width, (1 + share) / 2 * image.height)
    planes = []
    for plane, under in zip(image.split(), background):
        plane = plane.convert("F")
        if how["fit"] == "crop" and how["resize"] in METHODS:
            done = np.asarray(ImageOps.fit(plane, (width, height), METHODS[how["resize"]], bleed=(1 - share) / 2), np.float64)
        elif how["fit"] == "pad":
            assert share == 1
            done = np.asarray(ImageOps.pad(plane, (width, height), METHODS[how["resize"]], color=under.getpixel((0, 0))), np.float64)
        else:
            done = resize(plane, how["resize"], height, width, box)
        planes.append(done)
    if how["channels"] == "bgr":
        planes.reverse()
    values = (np.stack(planes, -1) * how["scale"] - np.array(how["mean"])) / np.array(how["std"])
    return values if how["layout"] == "nhwc" else values.transpose(2, 0, 1)


def case(file, height, width, folder=HERE, to=cases, **how):
    how = {"resize": "pillow-bilinear", "fit": "stretch", "centralFraction": 1, "background": [0, 0, 0], "channels": "rgb", "scale": 1 / 255, "mean": [0, 0, 0], "std": [1, 1, 1], "layout": "nhwc"} | how
    channels = 1 if how["channels"] == "gray" else 3
    how = how | {"mean": how["mean"][:channels], "std": how["std"][:channels]}
    image = ImageOps.exif_transpose(Image.open(folder / file))
    values = reference(image, how, height, width).astype("<f4")
    assert math.prod(values.shape) == height * width * channels
    to.append({"file": file, "preprocess": {"size": [height, width]} | how, "values": base64.b64encode(values.tobytes()).decode()})


for method in ("pillow-bilinear", "pillow-bicubic", "tf-bilinear", "nearest"):
    case("picture.png", 9, 8, resize=method)
case("picture.png", 3, 71, resize="pillow-bilinear", channels="gray")
case("picture.png", 41, 4, resize="pillow-bicubic", channels="gray")
case("picture.png", 5, 61, resize="tf-bilinear", channels="gray")
case("picture.png", 8, 8, fit="crop")
case("picture.png", 12, 5, fit="crop", centralFraction=0.875)
case("picture.png", 6, 9, centralFraction=0.5)
case("picture.png", 9, 9, fit="pad", background=[114, 90, 60])
case("picture.png", 7, 31, fit="pad", background=[255, 255, 255], channels="gray")
case("picture.png", 8, 7, channels="bgr", scale=1, mean=[103.939, 116.779, 123.68])
case("picture.png", 8, 7, mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225], layout="nchw")
case("picture.png", 8, 7, scale=1 / 127.5, mean=[1, 1, 1], fit="pad", layout="nchw", channels="bgr", background=[10, 20, 30])
case("rgba.png", 4, 4)
case("rgba.png", 4, 4, background=[255, 255, 255], channels="gray")
case("palette.png", 3, 5, background=[200, 100, 50])
for file in ("420.jpg", "422.jpg", "444.jpg", "progressive.jpg", "gray.jpg", "turned.jpg"):
    case(file, 8, 6)
    case(file, 3, 20, channels="gray", fit="crop")

for photo in sorted(pathlib.Path(sys.argv[1]).glob("*.jpg")):
    for how in ({"resize": "pillow-bilinear", "fit": "crop"}, {"resize": "nearest"}):
        case(photo.name, 10, 10, folder=photo.parent, to=photos, **how)

(HERE / "expected.json").write_text("{\"pixels\": " + json.dumps(pixels) + ",\n\"cases\": [\n" + ",\n".join(map(json.dumps, cases)) + "\n],\n\"photos\": [\n" + ",\n".join(map(json.dumps, photos)) + "\n]}\n")

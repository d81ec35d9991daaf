import type { ClassScore } from "../../protocol/classes.ts";
import type { Preprocess } from "../../protocol/preprocess.ts";

export interface ImageAnswer {
  readonly shape: readonly number[];
  readonly pixels: readonly number[];
  readonly classes?: readonly (readonly ClassScore[])[] | undefined;
}

/** What tests of images have a page do (`test/browser/page/images.ts`); images come as base64. */
export interface ImageActions {
  /** What this browser makes of a JPEG or PNG. */
  prepare(image: string, how: Preprocess): Promise<readonly number[]>;
  /** With which words it refuses one. */
  fails(image: string, how: Preprocess): Promise<string>;
  /** Has the model `color` asked with the image in each form in which a page may hold one; the answers by form. */
  each(server: string, image: string, type: string): Promise<Readonly<Record<string, ImageAnswer>>>;
  /** With two of the forms at once, and one class named. */
  several(server: string, image: string, type: string): Promise<ImageAnswer>;
  /** The code with which no image is refused. */
  refused(server: string): Promise<string>;
  /** Pixels as the PNG that goes to the server where this device cannot answer. */
  encode(width: number, height: number, data: readonly number[]): Promise<readonly number[]>;
  rest(path: string, body: string): Promise<{ readonly status: number; readonly by: string | null; readonly body: string }>;
}

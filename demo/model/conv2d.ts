import * as tf from "@tensorflow/tfjs";

/**
 * A 3 x 3 convolution of stride 1 and padding "same" that learns on the wasm backend, which has no kernel for the gradient of
 * a filter. That gradient is a product of matrices: for each of the nine places, the input moved there, times the gradient of
 * the output. The gradient of the input is a convolution again, with the filter turned round.
 */
export function conv2d(input: tf.Tensor4D, filter: tf.Tensor4D): tf.Tensor4D {
  const convolved = tf.customGrad<tf.Tensor4D>((...args) => {
    const [x, w, save] = args as [tf.Tensor4D, tf.Tensor4D, tf.GradSaveFunc];
    save([x, w]);
    return {
      value: tf.conv2d(x, w, 1, "same"),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
        const [savedX, savedW] = saved as [tf.Tensor4D, tf.Tensor4D];
        return [inputGradient(dy as tf.Tensor4D, savedW), filterGradient(savedX, dy as tf.Tensor4D)];
      },
    };
  });
  return convolved(input, filter);
}

function inputGradient(dy: tf.Tensor4D, filter: tf.Tensor4D): tf.Tensor4D {
  return tf.conv2d(dy, tf.transpose(tf.reverse(filter, [0, 1]), [0, 1, 3, 2]), 1, "same");
}

function filterGradient(x: tf.Tensor4D, dy: tf.Tensor4D): tf.Tensor4D {
  const [batch, height, width, channels] = x.shape;
  const outputs = dy.shape[3];
  const padded = tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]]);
  const moved = [0, 1, 2].flatMap((top) => [0, 1, 2].map((left) => tf.slice(padded, [0, top, left, 0], [batch, height, width, channels])));
  const patches = tf.reshape(tf.concat(moved, 3), [batch * height * width, 9 * channels]);
  // Transposed by itself: a product with `transposeA` takes the slow way on wasm.
  const product = tf.matMul(tf.transpose(patches), tf.reshape(dy, [batch * height * width, outputs]));
  return tf.reshape(product, [3, 3, channels, outputs]);
}

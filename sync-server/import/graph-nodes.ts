/** The node of a tensor's name (`x:0`), or of a node's input (`^x` for a control input). */
export function nodeOf(tensor: string): string {
  const name = tensor.startsWith("^") ? tensor.slice(1) : tensor;
  const colon = name.indexOf(":");
  return colon < 0 ? name : name.slice(0, colon);
}

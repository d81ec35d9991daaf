/** The numbers of tensorflow/core/framework/types.proto. */
const DATA_TYPES: ReadonlyMap<number, string> = new Map([
  [1, "DT_FLOAT"], [2, "DT_DOUBLE"], [3, "DT_INT32"], [4, "DT_UINT8"], [5, "DT_INT16"], [6, "DT_INT8"], [7, "DT_STRING"],
  [8, "DT_COMPLEX64"], [9, "DT_INT64"], [10, "DT_BOOL"], [11, "DT_QINT8"], [12, "DT_QUINT8"], [13, "DT_QINT32"], [14, "DT_BFLOAT16"],
  [15, "DT_QINT16"], [16, "DT_QUINT16"], [17, "DT_UINT16"], [18, "DT_COMPLEX128"], [19, "DT_HALF"], [20, "DT_RESOURCE"],
  [21, "DT_VARIANT"], [22, "DT_UINT32"], [23, "DT_UINT64"], [24, "DT_FLOAT8_E5M2"], [25, "DT_FLOAT8_E4M3FN"], [29, "DT_INT4"], [30, "DT_UINT4"],
]);
/** A TF1 reference to a variable of a type has that type's number and this. */
const REF = 100;

/** A DataType's name as proto3's JSON writes it: `DT_FLOAT`, `DT_FLOAT_REF`; `DT_INVALID` for 0, and the number as text for one that is not known. */
export function dataTypeName(type: number): string {
  if (type === 0) return "DT_INVALID";
  const name = DATA_TYPES.get(type > REF ? type - REF : type);
  if (name === undefined) return String(type);
  return type > REF ? `${name}_REF` : name;
}

/* Records in RAM, read by the layouts of the kernel's own struct classes: a field is a property of a view. */

const INTEGERS = {
  u8: (ram, at) => ram.getUint8(at),
  i8: (ram, at) => ram.getInt8(at),
  u16: (ram, at) => ram.getUint16(at, true),
  i16: (ram, at) => ram.getInt16(at, true),
  u32: (ram, at) => ram.getUint32(at, true),
  i32: (ram, at) => ram.getInt32(at, true),
  u64: (ram, at) => Number(ram.getBigUint64(at, true)),
  i64: (ram, at) => Number(ram.getBigInt64(at, true)),
};

/* Where a view has its RAM and its address: no field can be called so. */
const RAM = Symbol("RAM");
const AT = Symbol("address");

/** Elements side by side: `at(index)` reads one. */
class Elements {
  constructor(length, read) {
    this.length = length;
    this.at = read;
  }

  *[Symbol.iterator]() {
    for (let index = 0; index < this.length; index++) yield this.at(index);
  }
}

/** Return the text of an array of bytes, which ends at the first that is zero. */
export function textOf(bytes) {
  let text = "";
  for (const each of bytes) {
    if (each === 0) break;
    text += String.fromCharCode(each);
  }
  return text;
}

/** The structs of a kernel, each a class of views: `new structs.Process(ram, at).pid`, over a DataView of RAM. */
export function makeStructs(layouts) {
  const structs = {};
  for (const [name, layout] of Object.entries(layouts)) structs[name] = makeStruct(layout, structs);
  return structs;
}

function makeStruct({ size, fields, bits }, structs) {
  class View {
    static size = size;

    constructor(ram, at) {
      this[RAM] = ram;
      this[AT] = at;
    }
  }
  for (const [name, field] of Object.entries(fields)) {
    const read = reader(field, structs);
    Object.defineProperty(View.prototype, name, {
      get() {
        return read(this[RAM], this[AT] + field.offset);
      },
    });
  }
  for (const [name, { of, low, count }] of Object.entries(bits)) {
    Object.defineProperty(View.prototype, name, {
      get() {
        return (this[of] >>> low) & ((1 << count) - 1);
      },
    });
  }
  return View;
}

function reader(kind, structs) {
  if (kind.kind === "struct") return (ram, at) => new structs[kind.of](ram, at);
  if (kind.kind === "array") {
    const read = reader(kind.of, structs);
    return (ram, at) => new Elements(kind.count, (index) => read(ram, at + index * kind.step));
  }
  return INTEGERS[kind.type];
}

/** Return what a root of the layouts stands for: a view, or the elements of an array or of a table; null: none. */
export function rootOf(root, structs, ram) {
  if (root.kind === "none") return null;
  if (root.kind === "struct") return new structs[root.of](ram, root.at);
  const place = root.kind === "table" ? new structs[root.record](ram, root.at) : { base: root.at, count: root.count };
  const { size } = structs[root.of];
  return new Elements(place.count, (index) => new structs[root.of](ram, place.base + index * size));
}

/** Return one field of each element of a table, by index. */
export function columnOf(root, name, layouts, structs, ram) {
  const { base, count } = new structs[root.record](ram, root.at);
  const { size, fields } = layouts[root.of];
  const read = INTEGERS[fields[name].type];
  return new Elements(count, (index) => read(ram, base + fields[name].offset + index * size));
}

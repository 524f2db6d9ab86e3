/** What an ELF file needs: its loader and its libraries. Source: elf(5). Runs nothing: any architecture will do. */

export interface ElfNeeds {
  /** `/lib64/ld-linux-x86-64.so.2`; absent in libraries and static programs. */
  readonly loader: string | undefined;
  /** `libc.so.6`, in the order of the file. */
  readonly libraries: readonly string[];
}

const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PT_INTERP = 3;
const DT_NEEDED = 1;
const DT_STRTAB = 5;

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly size: number;
}

/** Undefined when `bytes` is no 64-bit little-endian ELF file. */
export function elfNeeds(bytes: Uint8Array): ElfNeeds | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 64 || view.getUint32(0) !== 0x7f454c46 || bytes[4] !== 2 || bytes[5] !== 1) return undefined;
  const segments = readSegments(view);
  const interp = segments.find(({ type }) => type === PT_INTERP);
  const loader = interp === undefined ? undefined : textAt(bytes, interp.offset);
  const dynamic = segments.find(({ type }) => type === PT_DYNAMIC);
  if (dynamic === undefined) return { loader, libraries: [] };
  const rows = readDynamic(view, dynamic);
  const tableAddress = rows.find(([tag]) => tag === DT_STRTAB)?.[1];
  const holder = segments.find(
    ({ type, address, size }) =>
      type === PT_LOAD && tableAddress !== undefined && address <= tableAddress && tableAddress < address + size,
  );
  if (tableAddress === undefined || holder === undefined) return { loader, libraries: [] };
  const table = tableAddress - holder.address + holder.offset;
  const libraries = rows.filter(([tag]) => tag === DT_NEEDED).map(([, offset]) => textAt(bytes, table + offset));
  return { loader, libraries };
}

function readSegments(view: DataView): readonly Segment[] {
  const start = Number(view.getBigUint64(32, true));
  const size = view.getUint16(54, true);
  const count = view.getUint16(56, true);
  return Array.from({ length: count }, (_, i) => {
    const at = start + i * size;
    return {
      type: view.getUint32(at, true),
      offset: Number(view.getBigUint64(at + 8, true)),
      address: Number(view.getBigUint64(at + 16, true)),
      size: Number(view.getBigUint64(at + 32, true)),
    };
  });
}

function readDynamic(view: DataView, { offset, size }: Segment): readonly (readonly [tag: number, value: number])[] {
  const rows: (readonly [number, number])[] = [];
  for (let at = offset; at + 16 <= offset + size; at += 16) {
    const tag = Number(view.getBigInt64(at, true));
    if (tag === 0) break;
    rows.push([tag, Number(view.getBigUint64(at + 8, true))]);
  }
  return rows;
}

function textAt(bytes: Uint8Array, start: number): string {
  const end = bytes.indexOf(0, start);
  return Buffer.from(bytes.subarray(start, end)).toString('latin1');
}

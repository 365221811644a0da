import type { OpenFile } from '../../../platform/files.js';
import type { Segment, Segments } from '../segments.js';
import { SealedFile } from './sealed-file.js';

/** A segment that is open for reading, in the form that it has. */
export type OpenForm = { readonly raw: OpenFile } | { readonly sealed: SealedFile };

/**
 * Opens a segment for reading, `scan` where all of it will be read. The file itself says which form it has: it may
 * have been sealed a moment ago.
 */
export const openForm = async (
  segments: Pick<Segments, 'open'>,
  segment: Segment,
  mode: 'read' | 'scan' = 'read',
): Promise<OpenForm> => {
  const file = await segments.open(segment, mode);
  try {
    const sealed = await SealedFile.open(segment.name, file);
    return sealed ? { sealed } : { raw: file };
  } catch (error) {
    await file.close();
    throw error;
  }
};

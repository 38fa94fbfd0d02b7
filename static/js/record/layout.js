// @ts-check
/** Where each person's tile and picture go on a canvas of fixed size. */

/** @typedef {{x: number, y: number, width: number, height: number}} Box */

/**
 * As square a grid as possible, filled row by row.
 * @param {number} count
 * @param {number} width
 * @param {number} height
 * @returns {Box[]}
 */
export function tiles(count, width, height) {
  const columns = Math.ceil(Math.sqrt(count));
  const rows = Math.ceil(count / columns);
  const [w, h] = [Math.floor(width / columns), Math.floor(height / rows)];
  return Array.from({ length: count }, (_, i) => ({
    x: (i % columns) * w,
    y: Math.floor(i / columns) * h,
    width: w,
    height: h,
  }));
}

/**
 * The whole picture, nothing cut off, in the middle.
 * @param {Box} box
 * @param {number} width of the picture
 * @param {number} height
 * @returns {Box}
 */
export function fit(box, width, height) {
  const scale = Math.min(box.width / width, box.height / height);
  const [w, h] = [Math.round(width * scale), Math.round(height * scale)];
  const [x, y] = [box.x + Math.round((box.width - w) / 2), box.y + Math.round((box.height - h) / 2)];
  return { x, y, width: w, height: h };
}

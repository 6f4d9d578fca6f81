// The order of lists, which the browser remembers.

const KEY = "cumuli.sort";
const FIRST = { name: "asc", modified: "desc", size: "desc" };

/** The order that was chosen last: `{ field, order }`. */
export function storedSort() {
  const [field, order] = (localStorage.getItem(KEY) ?? "").split(" ");
  return field in FIRST && ["asc", "desc"].includes(order) ? { field, order } : { field: "name", order: "asc" };
}

/** Sorts a list by a field; by the same one again, the other way round. */
export function sortBy(list, field) {
  const { field: now, order } = list.sort;
  const sort = { field, order: field !== now ? FIRST[field] : order === "asc" ? "desc" : "asc" };
  localStorage.setItem(KEY, `${sort.field} ${sort.order}`);
  list.resort(sort);
  list.element.querySelector("[aria-sort$=ending] button")?.focus();
}

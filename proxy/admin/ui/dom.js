// Small helpers to build what is shown. Text is only ever set as text.

export const $ = (id) => document.getElementById(id);

// h makes an element: h("td", {class: "n"}, "text", h("b", …)). null children
// and attributes are left out; `on` holds listeners.
export function h(tag, attributes = {}, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") for (const [type, f] of Object.entries(value)) e.addEventListener(type, f);
    else e.setAttribute(name, value === true ? "" : value);
  }
  e.append(...children.flat().filter((c) => c !== null && c !== undefined && c !== false));
  return e;
}

// fill replaces the children of e. An element keeps the focus if the new children
// have one with the same data-key.
export function fill(e, ...children) {
  const key = e.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  e.replaceChildren(...children.flat().filter((c) => c !== null && c !== undefined && c !== false));
  if (key !== undefined) [...e.querySelectorAll("[data-key]")].find((c) => c.dataset.key === key)?.focus({ preventScroll: true });
}

// table fills a table: columns are {text, class}, rows are lists of cells or
// elements.
export function table(e, caption, columns, rows, empty) {
  const head = h("thead", {}, h("tr", {}, columns.map((c) => h("th", { scope: "col", class: c.class }, c.text))));
  const body = rows.length > 0 ? rows : [h("tr", {}, h("td", { colspan: columns.length, class: "none" }, empty))];
  const bodies = body[0].tagName === "TBODY" ? body : [h("tbody", {}, body)];
  fill(e, h("caption", { class: "unseen" }, caption), head, ...bodies);
}

// say announces a text to users of screen readers.
export function say(text) {
  $("say").textContent = text;
}

// What the user chose, kept in the browser if it allows.

export function read(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

export function write(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {
    // Kept as long as the page is open.
  }
}

const dark = matchMedia("(prefers-color-scheme: dark)");

export const isDark = () => {
  const theme = document.documentElement.dataset.theme;
  return theme ? theme === "dark" : dark.matches;
};

export function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  write("theme", theme);
}

export function onSystemTheme(f) {
  dark.addEventListener("change", f);
}

// What the theme leaves undone for readers without a mouse or without eyes.
document.addEventListener("DOMContentLoaded", () => {
  // A table that is wider than a phone scrolls, also by arrow keys.
  for (const box of document.querySelectorAll(".pst-scrollable-table-container")) {
    box.tabIndex = 0;
    box.setAttribute("role", "region");
    box.setAttribute("aria-label", "table");
  }
  // Its entries have a role that is not allowed in a list.
  for (const list of document.querySelectorAll(".citation-list")) {
    list.removeAttribute("role");
  }
});

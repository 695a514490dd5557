// What the theme leaves undone for readers without a mouse, without eyes or on a phone.
document.addEventListener("DOMContentLoaded", () => {
  const article = document.querySelector(".bd-article");

  // A box that scrolls sideways fades where there is more, and arrow keys reach it.
  // Tables of results say so themselves.
  function showScrolling(box) {
    if (box.matches(".esa4-table")) return;
    const hidden = box.scrollWidth - box.clientWidth;
    const scrolls = hidden > 1 && /auto|scroll/.test(getComputedStyle(box).overflowX);
    if (scrolls) {
      box.style.setProperty("--left", box.scrollLeft > 1 ? "2em" : "0em");
      box.style.setProperty("--right", box.scrollLeft < hidden - 1 ? "2em" : "0em");
    }
    if (scrolls === box.classList.contains("esa4-scrolls")) return;
    box.classList.toggle("esa4-scrolls", scrolls);
    if (scrolls) {
      box.tabIndex = 0;
      box.setAttribute("role", "group");
      box.setAttribute("aria-label", "scrolls sideways");
    } else {
      for (const name of ["tabindex", "role", "aria-label"]) box.removeAttribute(name);
    }
  }

  if (article) {
    // Whatever is opened, loaded or turned changes the size of the article, too.
    new ResizeObserver(() => {
      article.querySelectorAll("div, pre, table").forEach(showScrolling);
    }).observe(article);
    article.addEventListener("scroll", (event) => showScrolling(event.target), true);
  }

  // The entries of the bibliography have a role that is not allowed in a list.
  for (const list of document.querySelectorAll(".citation-list")) {
    list.removeAttribute("role");
  }
});

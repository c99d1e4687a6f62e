/* Runs in the head, before anything is drawn, so that a dark page never flashes white. */
(function () {
  "use strict";
  var stored = null;
  try {
    stored = window.localStorage.getItem("theme");
  } catch (refused) {
    stored = null;
  }
  var dark = stored ? stored === "dark" : window.matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.setAttribute("data-bs-theme", dark ? "dark" : "light");
})();

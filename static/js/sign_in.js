/* The button that shows the password exists only with script. */
(function () {
  "use strict";
  document.querySelectorAll("[data-show]").forEach(function (button) {
    var input = document.getElementById(button.dataset.show);
    button.hidden = false;
    button.addEventListener("click", function () {
      var shown = input.type === "text";
      input.type = shown ? "password" : "text";
      button.setAttribute("aria-pressed", String(!shown));
      input.focus();
    });
  });
})();

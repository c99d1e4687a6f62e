"""The speed of the main job, beside what a Django developer would take and beside what bounds it (`manage.py bench`).

Nothing of the product imports this. ``sheet`` makes the workbook, ``ground`` a portal to measure in; ``worker`` runs the
product's own tasks and ``usual`` the usual way, each in a process of its own; ``floors`` measures what no code could do
without; ``figures`` says what was wanted and whether it was met; ``run`` puts them in order.
"""

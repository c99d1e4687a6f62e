import time
from tests.pages import world
def test_w(cast):
    t=time.time(); w=world.build(cast); print(time.time()-t)
    for o in w.owned.values(): print(o)
    for a in w.askers(): print(a)

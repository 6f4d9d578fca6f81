"""All phases by their names, in the order in which they are done."""

from .connectors import connectors
from .crowd import crowd
from .million import million
from .mirrors import mirrors
from .phases import big, listing, small, start
from .stores import stores
from .transfers import transfers
from .tus import tus
from .zips import zips

IN_ORDER = {"start": start, "small": small, "big": big, "list": listing, "stores": stores, "tus": tus, "zip": zips}
# Phases that have a server of their own, once a run.
LARGE = {"transfers": transfers, "million": million, "crowd": crowd, "connectors": connectors, "mirrors": mirrors}
NAMES = (*IN_ORDER, *LARGE)

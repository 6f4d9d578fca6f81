"""Every target, in the order in which a round visits them."""

from .connectors import Connectors
from .cumuli import Cumuli, CumuliAzure, CumuliGcs, CumuliPostgres, CumuliS3, CumuliUnsafe
from .mirrors import Mirrors
from .peers import Copyparty, Dufs, FastApi, Nginx, Rclone
from .target import Target

ALL: dict[str, type[Target]] = {
    target.name: target
    for target in (
        Cumuli, Nginx, CumuliUnsafe, Dufs, CumuliPostgres, Copyparty, CumuliS3, Rclone, CumuliAzure, FastApi, CumuliGcs,
        Connectors, Mirrors,
    )
}

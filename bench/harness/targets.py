"""Every target, in the order in which a round visits them."""

from .cumuli import Cumuli, CumuliPostgres, CumuliUnsafe
from .peers import Copyparty, Dufs, FastApi, Nginx, Rclone
from .target import Target

ALL: dict[str, type[Target]] = {
    target.name: target
    for target in (Cumuli, Nginx, CumuliUnsafe, Dufs, CumuliPostgres, Copyparty, Rclone, FastApi)
}

-- leasehold: phase expand
-- Releases of operating systems and when their support ends.

CREATE TABLE shared_os_release (
    distribution  text NOT NULL,
    version       text NOT NULL,
    released      date,
    end_of_life   date,
    source        text NOT NULL,
    PRIMARY KEY (distribution, version)
);

module routes

go 1.22

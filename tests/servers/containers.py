"""Makes archives and documents with other people's programs, for dyepack to read: containers.py FOLDER CARD MAIL."""

import email.message
import io
import pathlib
import sqlite3
import sys
import tarfile
import zipfile

import docx
import openpyxl
import py7zr
import xlwt
from odf import table, text
from odf.opendocument import OpenDocumentSpreadsheet, OpenDocumentText
from reportlab.pdfgen import canvas

folder, card, mail = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
csv = f"name,card\nAda,{card}\n".encode()

for method, name in [(zipfile.ZIP_LZMA, "lzma.zip"), (zipfile.ZIP_BZIP2, "bzip2.zip"), (zipfile.ZIP_DEFLATED, "deflate.zip")]:
    with zipfile.ZipFile(folder / name, "w", method) as archive:
        archive.writestr("база/part1.csv", csv)
        archive.comment = f"write to {mail}".encode()

for packing in ["gz", "bz2", "xz"]:
    with tarfile.open(folder / f"base.tar.{packing}", f"w:{packing}") as archive:
        member = tarfile.TarInfo("x" * 150 + "/part1.csv")
        member.size = len(csv)
        archive.addfile(member, io.BytesIO(csv))

with py7zr.SevenZipFile(folder / "plain.7z", "w") as archive:
    archive.writestr(csv, "part1.csv")
with py7zr.SevenZipFile(folder / "locked.7z", "w", password="s3cret-密码", header_encryption=True) as archive:
    archive.writestr(csv, "part1.csv")
(folder / "setup.exe").write_bytes(b"MZ\x90\x00" + bytes(5000) + (folder / "plain.7z").read_bytes())

book = openpyxl.Workbook()
book.active.title = "clients"
book.active.append(["name", "card"])
book.active.append(["Ada", card])
hidden = book.create_sheet("hidden")
hidden.sheet_state = "veryHidden"
hidden["C7"] = mail
book.save(folder / "book.xlsx")
(folder / "book.txt").write_bytes((folder / "book.xlsx").read_bytes())

old = xlwt.Workbook()
sheet = old.add_sheet("база")
sheet.write(0, 0, "card")
sheet.write(1, 0, card)
old.save(str(folder / "old.xls"))

sheets = OpenDocumentSpreadsheet()
first = table.Table(name="Лист1")
row = table.TableRow()
row.addElement(table.TableCell(numbercolumnsrepeated=16000))
cell = table.TableCell(valuetype="float", value=card)
cell.addElement(text.P(text="9.99E+15"))
row.addElement(cell)
first.addElement(row)
sheets.spreadsheet.addElement(first)
sheets.save(str(folder / "open.ods"))

letter = docx.Document()
letter.add_paragraph("base for sale, ").add_run(mail[:5]).bold = True
letter.paragraphs[0].add_run(mail[5:])
cells = letter.add_table(rows=1, cols=2).rows[0].cells
cells[0].text, cells[1].text = "Ada", card
letter.save(folder / "letter.docx")

open_letter = OpenDocumentText()
open_letter.text.addElement(text.P(text=f"карта {card}"))
open_letter.save(str(folder / "letter.odt"))

page = canvas.Canvas(str(folder / "page.pdf"))
page.drawString(72, 700, "nothing here")
page.showPage()
page.drawString(72, 700, f"card {card[:4]} {card[4:8]} {card[8:12]} {card[12:]}")
page.save()

database = sqlite3.connect(folder / "base.db")
database.execute("CREATE TABLE clients (id INTEGER PRIMARY KEY, name TEXT, card INTEGER)")
database.executemany("INSERT INTO clients (name, card) VALUES (?, ?)", [("Nobody", n) for n in range(5000)] + [("Ada", int(card))])
database.execute("CREATE VIEW bomb AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT * FROM n")
database.commit()
database.close()

letter = email.message.EmailMessage()
letter["From"], letter["To"], letter["Subject"] = "seller@post.example", "x@post.example", "新的数据"
letter["Date"], letter["Message-ID"] = "Sat, 21 Nov 2026 10:00:00 +0000", "<1@post.example>"
letter.set_content(f"пишите {mail}", charset="koi8-r")
letter.add_attachment((folder / "deflate.zip").read_bytes(), maintype="application", subtype="zip", filename="base.zip")
(folder / "mail.eml").write_bytes(letter.as_bytes())
